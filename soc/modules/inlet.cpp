#include "soc/modules/inlet.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "soc/modules/attributes.hpp"

namespace xlate::soc {

using tlm::tlm_generic_payload;

Inlet::Inlet(World& world, const std::string& name, const std::string& port_name, Shape shape)
    : Component(name), port(port_name, *this, 0), world_(world), shape_(std::move(shape)) {
    world_.agenda().add_component(*this);
    answer_over_.bind<&Inlet::answer_over>(this);
}

void Inlet::violated(const std::string& what) const {
    SC_REPORT_ERROR("xlate/protocol", (component_name() + ": " + what).c_str());
    throw InternalError("a report of severity error does not throw");
}

Inlet::Access& Inlet::take(tlm_generic_payload& payload, bool blocking) {
    if (free_.empty()) {
        Access& made = accesses_.emplace_back();
        made.inlet = this;
        made.arrival.bind(&made, [](void* self, AgendaEntry&) {
            auto& access = *static_cast<Access*>(self);
            access.inlet->arrived(access);
        });
        free_.push_back(&made);
    }
    Access& access = *free_.back();
    free_.pop_back();
    access.payload = &payload;
    access.blocking = blocking;
    access.issued = 0;
    access.unfinished = 0;
    access.failed_at = 0;
    access.fault = 0;
    access.status = tlm::TLM_OK_RESPONSE;
    return access;
}

void Inlet::give_back(Access& access) {
    access.payload = nullptr;
    free_.push_back(&access);
}

tlm::tlm_sync_enum Inlet::nb_transport_fw(tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                          sc_core::sc_time& delay) {
    if (phase == tlm::BEGIN_REQ) {
        if (request_ != nullptr) violated("BEGIN_REQ before the END_REQ of the request in front of it");
        if (!payload.has_mm()) violated("nb_transport_fw with a payload that has no memory manager");
        payload.acquire();
        request_ = &payload;
        world_.arrive(take(payload, false).arrival, delay, *this, payload.get_address());
        return tlm::TLM_ACCEPTED;
    }
    if (phase == tlm::END_RESP) {
        if (answering_ == nullptr || answering_->payload != &payload || answer_ends_) {
            violated("END_RESP of a payload whose response has not begun");
        }
        answer_ends_ = true;
        world_.arrive(answer_over_, delay, *this, 0);
        return tlm::TLM_COMPLETED;
    }
    violated(std::string("phase ") + phase.get_name() + " on the forward path");
}

void Inlet::b_transport(tlm_generic_payload& payload, sc_core::sc_time& delay) {
    Access& access = take(payload, true);
    world_.arrive(access.arrival, delay, *this, payload.get_address());
    delay = sc_core::SC_ZERO_TIME;
    sc_core::wait(access.finished);
    give_back(access);
}

bool Inlet::get_direct_mem_ptr(tlm_generic_payload&, tlm::tlm_dmi& dmi) {
    dmi.init();
    dmi.allow_none();
    world_.note(component_name() + ": DMI is refused: it would pass by translation and time");
    return false;
}

std::uint32_t Inlet::piece(std::uint64_t address, std::uint32_t left) const {
    const std::uint64_t size = std::uint64_t{1} << shape_.log2_piece;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(left, size - (address & (size - 1))));
}

void Inlet::fill_in(const tlm_generic_payload& payload, Transaction& transaction) {
    const unsigned extensions = tlm::max_num_extensions();
    for (unsigned i = 0; i < extensions; ++i) {
        if (i != Transaction::ID) transaction.payload().set_extension(i, payload.get_extension(i));
    }
    std::optional<std::uint32_t> stream;
    if (auto* attributes = payload.get_extension<DmaAttributes>()) {
        stream = attributes->stream;
        if (attributes->substream) transaction.substream = SubstreamId{*attributes->substream};
        transaction.privileged = attributes->privileged;
        transaction.instruction = attributes->instruction;
        transaction.of_iommu = attributes->of_iommu;
        transaction.priority = attributes->priority;
        transaction.ats.type = attributes->ats;
        transaction.ats.no_write = attributes->no_write;
        transaction.ats.answer = &attributes->answer;
    }
    if (!stream && shape_.stream_of) stream = shape_.stream_of(payload);
    if (!stream) stream = shape_.stream;
    transaction.stream = StreamId{stream.value_or(0)};
    transaction.source_rank = rank();
    transaction.number = count_++;
}

void Inlet::drop(Transaction& transaction) {
    const unsigned extensions = tlm::max_num_extensions();
    for (unsigned i = 0; i < extensions; ++i) {
        if (i != Transaction::ID) transaction.payload().set_extension(i, nullptr);
    }
    world_.pool().give_back(transaction);
}

/// What stands between an Outlet and this has kept to what it promised.
void Inlet::check_introduction(const tlm_generic_payload& payload) {
    const auto* attributes = payload.get_extension<DmaAttributes>();
    if (attributes == nullptr || attributes->number == 0)
        violated("an access came without the DmaAttributes extension that it was sent with");
    if (!shape_.in_order) return;
    std::uint64_t& last = last_of_[attributes->source];
    if (attributes->number <= last) violated("an access to registers was passed by a later one of the same initiator");
    last = attributes->number;
}

void Inlet::arrived(Access& access) {
    const tlm_generic_payload& payload = *access.payload;
    if (shape_.introduced) check_introduction(payload);
    const std::uint32_t size = payload.get_data_length();
    const bool streams = payload.get_streaming_width() < size;
    const std::uint64_t address = payload.get_address() + shape_.base;
    const bool refused = size == 0 || payload.get_data_ptr() == nullptr || payload.get_streaming_width() == 0 ||
                         (streams && piece(address, payload.get_streaming_width()) != payload.get_streaming_width());
    const bool enables = payload.get_byte_enable_ptr() != nullptr;
    if (refused || (shape_.plain && (streams || enables))) {
        access.status = refused || streams ? tlm::TLM_BURST_ERROR_RESPONSE : tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
        access.issued = size;
        if (!access.blocking) accepted(access);
        finish(access);
        return;
    }
    to_issue_.push_back(&access);
    issue();
}

/// The next piece of an access. A streaming one is not cut.
Transaction& Inlet::cut(Access& access) {
    const tlm_generic_payload& whole = *access.payload;
    const std::uint64_t address = whole.get_address() + shape_.base + access.issued;
    const std::uint32_t size = whole.get_data_length(), width = whole.get_streaming_width();
    const std::uint32_t bytes = width < size ? size : piece(address, size - access.issued);
    const auto* attributes = whole.get_extension<DmaAttributes>();
    const bool moves_data = attributes == nullptr || !attributes->timing_only;
    Transaction& transaction = world_.pool().lend(whole, PhysAddr{address}, access.issued, bytes, moves_data);
    if (width < size) transaction.payload().set_streaming_width(width);
    if (whole.get_byte_enable_ptr() != nullptr && whole.get_byte_enable_length() != 0) {
        const std::uint32_t pattern = whole.get_byte_enable_length();
        if (bytes == size) {
            transaction.payload().set_byte_enable_ptr(whole.get_byte_enable_ptr());
            transaction.payload().set_byte_enable_length(pattern);
        } else {
            access.enables.resize(size);
            for (std::uint32_t i = 0; i < bytes; ++i) {
                access.enables[access.issued + i] = whole.get_byte_enable_ptr()[(access.issued + i) % pattern];
            }
            transaction.payload().set_byte_enable_ptr(access.enables.data() + access.issued);
            transaction.payload().set_byte_enable_length(bytes);
        }
    }
    fill_in(whole, transaction);
    transaction.holder_data = &access;
    transaction.ledger.start(world_.agenda().now());
    access.issued += bytes;
    ++access.unfinished;
    return transaction;
}

void Inlet::issue() {
    while (!to_issue_.empty() && port.free()) {
        Access& access = *to_issue_.front();
        Transaction& transaction = cut(access);
        const bool last = access.issued == access.payload->get_data_length();
        if (last) to_issue_.pop_front();
        at_door_ = last ? &access : nullptr;
        port.send(transaction);
        if (!port.free()) return;
        if (last) accepted(access);
        at_door_ = nullptr;
    }
}

void Inlet::on_accepted(unsigned) {
    if (at_door_ != nullptr) accepted(*at_door_);
    at_door_ = nullptr;
    issue();
}

/// END_REQ, unless its response has begun.
void Inlet::accepted(Access& access) {
    if (access.blocking || request_ != access.payload) return;
    request_ = nullptr;
    tlm::tlm_phase phase = tlm::END_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    (*back_)->nb_transport_bw(*access.payload, phase, delay);
}

void Inlet::on_response(unsigned, Transaction& transaction) {
    auto& access = *static_cast<Access*>(transaction.holder_data);
    const auto offset =
        static_cast<std::uint32_t>(transaction.payload().get_data_ptr() - access.payload->get_data_ptr());
    if (!transaction.ok() && (access.status == tlm::TLM_OK_RESPONSE || offset < access.failed_at)) {
        access.status = transaction.payload().get_response_status();
        access.failed_at = offset;
        access.fault = transaction.fault;
    }
    world_.stream().add(world_.agenda().now(), *this,
                        transaction.ok() ? EventStream::Kind::completion : EventStream::Kind::fault, transaction.iova);
    drop(transaction);
    --access.unfinished;
    if (access.unfinished == 0 && access.issued == access.payload->get_data_length()) finish(access);
}

void Inlet::finish(Access& access) {
    access.payload->set_response_status(access.status);
    access.payload->set_dmi_allowed(false);
    if (auto* attributes = access.payload->get_extension<DmaAttributes>()) attributes->fault = access.fault;
    if (access.blocking) {
        access.finished.notify(sc_core::SC_ZERO_TIME);
        return;
    }
    to_answer_.push_back(&access);
    answer();
}

void Inlet::answer() {
    while (answering_ == nullptr && !to_answer_.empty()) {
        answering_ = to_answer_.front();
        to_answer_.pop_front();
        answer_ends_ = false;
        if (request_ == answering_->payload) request_ = nullptr;
        if (at_door_ == answering_) at_door_ = nullptr;
        tlm::tlm_phase phase = tlm::BEGIN_RESP;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        const tlm::tlm_sync_enum end = (*back_)->nb_transport_bw(*answering_->payload, phase, delay);
        if (end == tlm::TLM_ACCEPTED) return;  // END_RESP comes by a call
        if (end == tlm::TLM_UPDATED && phase != tlm::END_RESP) violated("BEGIN_RESP was answered with another phase");
        answer_ends_ = true;
        if (delay != sc_core::SC_ZERO_TIME) {
            const SimTime later{delay.value() * world_.agenda().fs_per_tick()};
            world_.agenda().schedule_after(answer_over_, later, Phase::arrive, *this);
            return;
        }
        answer_over();
        return;  // which has looked at the next one
    }
}

void Inlet::answer_over() {
    Access& access = *answering_;
    answering_ = nullptr;
    access.payload->release();
    give_back(access);
    answer();
}

unsigned Inlet::transport_dbg(tlm_generic_payload& payload) {
    const std::uint32_t size = payload.get_data_length();
    std::uint32_t done = 0;
    while (done < size) {
        const std::uint64_t address = payload.get_address() + shape_.base + done;
        const std::uint32_t bytes = piece(address, size - done);
        Transaction& part = world_.pool().lend(payload, PhysAddr{address}, done, bytes, true);
        fill_in(payload, part);
        --count_;
        const unsigned part_done = port.socket->transport_dbg(part.payload());
        drop(part);
        done += part_done;
        if (part_done != bytes) break;
    }
    if (done != 0 && done == size) payload.set_response_status(tlm::TLM_OK_RESPONSE);
    return done;
}

}  // namespace xlate::soc
