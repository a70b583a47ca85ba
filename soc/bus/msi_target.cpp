#include "soc/bus/msi_target.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace xlate::soc {

MsiTarget::MsiTarget(const sc_core::sc_module_name& module_name, Agenda& agenda, EventStream& stream,
                     InterruptSink& interrupts, SimTime delivery, const std::vector<MsiFrame>& frames)
    : sc_core::sc_module(module_name),
      Component("msi"),
      port("port", *this, 0),
      agenda_(agenda),
      stream_(stream),
      interrupts_(interrupts),
      delivery_(delivery),
      frames_(frames) {
    agenda_.add_component(*this);
}

bool MsiTarget::on_request(unsigned, Transaction& transaction) {
    transaction.step.bind(this, [](void* self, AgendaEntry& entry) {
        static_cast<MsiTarget*>(self)->port.respond(Transaction::of_step(entry));
    });
    transaction.set_response(tlm::TLM_OK_RESPONSE);
    std::uint8_t* bytes = transaction.payload().get_data_ptr();
    if (!transaction.write()) {
        if (transaction.moves_data()) std::fill_n(bytes, transaction.size(), std::uint8_t{0});
    } else if (transaction.size() == 4 && transaction.moves_data()) {
        const auto frame = std::find_if(frames_.begin(), frames_.end(), [&](const MsiFrame& one) {
            return transaction.address() == one.base + one.doorbell;
        });
        if (frame != frames_.end()) {
            if (free_.empty()) {
                Delivery& made = deliveries_.emplace_back();
                made.target = this;
                made.bind(&made, [](void* self, AgendaEntry&) {
                    auto& delivery = *static_cast<Delivery*>(self);
                    delivery.target->deliver(delivery);
                });
                free_.push_back(&made);
            }
            Delivery& delivery = *free_.back();
            free_.pop_back();
            delivery.controller = frame->node;
            delivery.data = static_cast<std::uint32_t>(load_le(bytes, 4));
            agenda_.schedule_after(delivery, delivery_, Phase::act, *this);
        }
    }
    agenda_.schedule(transaction.step, agenda_.now(), Phase::arrive, *this);
    return true;
}

void MsiTarget::deliver(Delivery& delivery) {
    const std::string name = "msi " + std::to_string(delivery.data);
    const firmware::NodeIndex controller = delivery.controller;
    stream_.add(agenda_.now(), *this, EventStream::Kind::interrupt, delivery.data);
    free_.push_back(&delivery);
    interrupts_.on_interrupt(controller, name, 0);
}

unsigned MsiTarget::on_debug(unsigned, tlm::tlm_generic_payload&) { return 0; }

}  // namespace xlate::soc
