// virtio-iommu behind virtio over MMIO or over PCI: a paravirtualised IOMMU. Its mappings come by requests, and no
// table lies in memory.
//   requests     a machine: takes chains from queue 0 while the driver has notified, executes, answers, interrupts
//   events       a machine: a record of each refused access into a buffer of queue 1; there is none: it is dropped
//   unattached   endpoints pass or are refused, as `bypass` of the configuration space says
//   ACCESS_PLATFORM, MMIO mappings: offered and not looked at
// Broken rings and requests without room for an answer end in NEEDS_RESET, as the specification has it.
//   PCI          the BAR's four structures; its interrupts are messages, and a message is the wire here: a cause
//   without
//                a vector raises none
// Not modelled: legacy interface, indirect descriptors, event indices, shared memory; PCI's configuration space, INTx
// and ISR status, several messages.
// Source: VIRTIO 1.2 sections 2, 4.1, 4.2 and 5.13; docs/spec/iommu-hardware.md section 8.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/tlb.hpp"
#include "iommu/virtio/domains.hpp"
#include "iommu/virtio/queue.hpp"

namespace xlate::iommu::virtio {

enum class Transport : std::uint8_t { mmio, pci };

struct Parameters {
    Transport transport = Transport::mmio;
    Offer offer;
    CacheParams tlb{true, 64, 4, Replacement::lru};  ///< of the backend, by domain; estimate
    std::uint64_t seed = 1;
};

enum class Fault : std::uint16_t { none, unknown, domain, mapping, permission };
std::string name(Fault fault);

extern const InstanceSpec kSpec;

class VirtioIommu final : public Instance {
public:
    explicit VirtioIommu(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return kQueues; }
    bool machine_pending(unsigned index) const override;
    const Step& step_machine(unsigned index, const Reply& reply) override;
    bool command_prefetched(unsigned index) const override {
        return index == kRequestQueue && request_ == RequestState::decoded;
    }
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    const Domains& domains() const { return domains_; }

private:
    friend class Slot;
    struct Counters {
        std::uint64_t translations = 0, tlb_misses = 0, faults = 0, requests = 0, refused = 0, events = 0, dropped = 0;
    };
    enum class RequestState : std::uint8_t { take, decoded, drained, give };
    bool live() const;
    std::uint64_t features() const;
    std::array<std::uint8_t, config::kBytes> config_space() const;
    std::uint64_t read_config(std::uint64_t offset, unsigned size) const;
    void write_config(std::uint64_t offset, unsigned size, std::uint64_t value);
    std::uint64_t read_mmio(std::uint64_t offset, unsigned size) const;
    void write_mmio(std::uint64_t offset, unsigned size, std::uint64_t value);
    std::uint64_t read_common(std::uint64_t offset, unsigned size) const;
    void write_common(std::uint64_t offset, unsigned size, std::uint64_t value);
    std::uint64_t read_pci(std::uint64_t offset, unsigned size) const;
    void write_pci(std::uint64_t offset, unsigned size, std::uint64_t value);
    /// The half of the offered features that a selector means; 0 beyond.
    std::uint64_t offered(std::uint32_t selector) const;
    void accept(std::uint32_t selector, std::uint64_t half);
    void write_status(std::uint32_t status);
    void reset_device();
    void broken();
    void interrupt(std::uint32_t cause, unsigned queue = kQueues);
    void forget(const Forgotten& forgotten);
    const Step& step_requests(const Reply& reply);
    const Step& step_events(const Reply& reply);
    /// Of a refused access.
    void record(std::vector<std::uint8_t> event);

    Parameters parameters_;
    Domains domains_;
    Tlb tlb_;
    Counters counters_;
    std::uint64_t mapping_lookups_ = 0, mapping_hits_ = 0;

    std::uint32_t status_ = 0, device_features_sel_ = 0, driver_features_sel_ = 0, queue_sel_ = 0,
                  interrupt_status_ = 0;
    std::uint64_t driver_features_ = 0;
    std::array<Queue, kQueues> queues_;
    /// PCI: messages of the queues, and of the configuration behind them; pci::kNoVector: none.
    std::array<std::uint32_t, kQueues + 1> vectors_{};
    bool notified_ = false;  ///< queue 0 is to be looked at
    bool looking_ = false;
    bool pulse_ = false;
    RequestState request_ = RequestState::take;
    Answer answer_;
    bool giving_event_ = false;
    std::deque<std::vector<std::uint8_t>> records_;
    std::array<Step, kQueues> steps_;
};

}  // namespace xlate::iommu::virtio
