// Where message-signalled interrupts arrive: a write of 4 bytes to the doorbell of an MSI controller becomes the
// interrupt of a CPU. The doorbells are those of firmware's GICv2m frames and ITSes.
// What is told: the controller's node and "msi N", N being the data that was written (a v2m frame's SPI, an ITS's
// event; devices are not told apart). Reads give zero; other writes are lost.
// Not modelled: the controllers' own registers and tables, priorities, affinity.
#pragma once

#include <systemc>

#include <deque>
#include <string>
#include <vector>

#include "soc/bus/ports.hpp"
#include "soc/iommu/device.hpp"
#include "soc/measure/event_stream.hpp"
#include "soc/time/agenda.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

class MsiTarget final : public sc_core::sc_module, public Component, public Target {
public:
    /// `delivery`: from the write's arrival to the CPU.
    MsiTarget(const sc_core::sc_module_name& module_name, Agenda& agenda, EventStream& stream,
              InterruptSink& interrupts, SimTime delivery, const std::vector<MsiFrame>& frames);

    TargetPort port;

private:
    struct Delivery : AgendaEntry {
        MsiTarget* target = nullptr;
        firmware::NodeIndex controller{};
        std::uint32_t data = 0;
    };
    bool on_request(unsigned, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;
    void deliver(Delivery& delivery);

    Agenda& agenda_;
    EventStream& stream_;
    InterruptSink& interrupts_;
    const SimTime delivery_;
    const std::vector<MsiFrame> frames_;
    std::deque<Delivery> deliveries_;
    std::vector<Delivery*> free_;
};

}  // namespace xlate::soc
