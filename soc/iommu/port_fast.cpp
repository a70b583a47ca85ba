// A port in `fast`: what is planned ahead, and how it meets what goes step by step (port.cpp). Source: fast.hpp.
#include "soc/iommu/port.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::CachedTranslation;
using iommu::Permissions;

/// Two steps before, what it holds itself; one step before, what that points to.
void IommuPort::fetch(unsigned steps) const {
    if (steps == 2) {
        fetch_line(&wire_);
        fetch_line(&micro_);
        fetch_lines(&micro_tlb_, reinterpret_cast<const char*>(&micro_tlb_) + 2 * kHostLine);
        fetch_lines(&micro_tlb_ + 1, &latency_ + 1);
        return;
    }
    micro_tlb_.fetch();
    leaving_.fetch();
    latency_.fetch();
    out_.fetch();
}

/// The rest of the way is planned, if it leads to memory.
void IommuPort::left_ahead(TranslationJob& job) {
    Transaction& transaction = *job.transaction;
    PlannedAccess access;
    access.now = device_.agenda().now();
    access.at = job.time(device_.agenda());
    access.address = transaction.address();
    access.size = transaction.size();
    access.write = transaction.write();
    if (transaction.moves_data() || !out_.way()->plan(access)) {
        job.ahead = false;
        job.come_back(device_.agenda(), device_, &go<&IommuPort::left_late>);
        return;
    }
    transaction.ledger.charge(Part::memory, access.answered);
    const bool generation = job.generation;
    transaction.set_response(tlm::TLM_OK_RESPONSE);
    free_slot(job);
    retire(transaction, generation, access.at);
}

/// As left(), for one that had run ahead.
void IommuPort::left_late(TranslationJob& job) {
    Transaction& transaction = *job.transaction;
    const auto tag = static_cast<std::uint16_t>(number_ | (job.generation ? 0x4000U : 0U));
    free_slot(job);
    out_.send(transaction, tag);
}

/// It will be back at `at`.
void IommuPort::retire(Transaction& transaction, bool generation, SimTime at) {
    device_.will_leave_flight(at);
    device_.leave_flight(generation);
    if (client_ != nullptr && client_->will_return(transaction, at)) return;
    transaction.step.bind(this, [](void* self, AgendaEntry& entry) {
        static_cast<IommuPort*>(self)->returned(Transaction::of_step(entry));
    });
    device_.agenda().schedule(transaction.step, at, Phase::arrive, device_);
}

void IommuPort::reclaim(SimTime until) {
    while (!leaving_.empty() && leaving_.first_due() <= until) {
        const Leaving first = leaving_.take_first();
        beats_free_ += first.beats;
        ++free_slots_;
        if (first.job != nullptr) give_back(*first.job);
    }
}

void IommuPort::admit_when_free() {
    reclaim(device_.agenda().now());
    admit();
    schedule_admission();
}

/// A transaction waits for a slot, and it is known when one will be free.
void IommuPort::schedule_admission() {
    if (pending_ == nullptr || leaving_.empty()) return;
    const SimTime due = std::max(device_.agenda().now(), leaving_.first_due());
    if (admission_.scheduled()) {
        if (admission_.time() <= due) return;
        device_.agenda().cancel(admission_);
    }
    device_.agenda().schedule(admission_, due, Phase::arrive, device_);
}

void IommuPort::plan_ahead() {
    for (Station* station : {&wire_, &micro_, &main_, &link_to_tcu_, &link_from_tcu_}) station->keep_calendars();
}

/// Moves on to when there is a slot, if those who hold them have planned to leave.
bool IommuPort::wait_for_room(PlannedAccess& access, std::uint32_t beats_needed) {
    reclaim(access.now);
    access.at = std::max(access.at, admission_free_);
    while (free_slots_ == 0 || beats_free_ < beats_needed) {
        if (leaving_.empty()) return false;
        const SimTime due = leaving_.first_due();
        if (due > access.at) {
            door_fs_[free_slots_ == 0 ? 0 : 1] += (due - access.at).fs;
            access.at = due;
        }
        reclaim(access.at);
    }
    admission_free_ = access.at;
    return true;
}

bool IommuPort::plan(PlannedAccess& access) {
    missed_ = false;
    if (!device_.runs_ahead() || device_.watched() || pending_ != nullptr) return false;
    std::vector<TranslationJob*>& order = order_[access.write ? 1 : 0];
    if (params_.keep_order && !order.empty()) return false;
    const std::uint64_t stream = iommu::stream_tag(access.stream, access.substream);
    const std::uint8_t needed = Permissions::needed(access.write, false, access.privileged);
    const std::uint64_t address = access.address;
    const auto usable = [&](const CachedTranslation* entry) {
        return entry != nullptr && (entry->permissions.bits & needed) != 0 &&
               out_.way()->leads_to_memory(entry->pa + (address & low_mask(entry->log2_bytes)), access.size);
    };
    const CachedTranslation* in_micro = micro_tlb_.enabled() ? micro_tlb_.peek(stream, address) : nullptr;
    const CachedTranslation* in_main = nullptr;
    if (in_micro != nullptr) {
        if (!usable(in_micro)) return false;
    } else {
        in_main = main_tlb_.enabled() ? main_tlb_.peek(stream, address) : nullptr;
        missed_ = in_main == nullptr;
        if (!usable(in_main)) return false;
        // The first use of what was fetched ahead asks for the next.
        if (!ahead_.empty() && std::find(ahead_.begin(), ahead_.end(), Page{stream, address >> 12}) != ahead_.end())
            return false;
    }
    const std::uint32_t port_beats =
        access.write ? (access.size + params_.port_width_bytes - 1) / params_.port_width_bytes : 0;
    const std::uint32_t held = std::min(port_beats, params_.write_buffer_beats);
    if (!wait_for_room(access, held)) return false;
    access.accepted = access.at;
    access.charge(Part::iommu_queue, access.at);

    SimTime at = wire_.reserve(access.at, beat_ * Cycles{std::max(1U, port_beats)});
    access.charge(Part::issue, at);
    const SimTime received = at;
    ++translations_;
    count(access.stream, PortEvent::transaction);
    note_bypass(in_micro != nullptr ? *in_micro : *in_main);
    if (micro_tlb_.enabled()) {
        at = micro_.reserve(at, clock_ * params_.micro_tlb.latency);
        access.charge(Part::micro_tlb, at);
    }
    CachedTranslation entry;
    const bool no_lookup = was_no_lookup(in_micro != nullptr ? *in_micro : *in_main);
    if (in_micro != nullptr) {
        micro_tlb_.note_hit(*in_micro);
        if (no_lookup) micro_tlb_.take_back(1, 0);
        entry.pa = in_micro->pa;
        entry.log2_bytes = in_micro->log2_bytes;
    } else {
        main_tlb_.note_hit(*in_main);
        if (no_lookup) main_tlb_.take_back(1, 0);
        entry = *in_main;
        at = main_.reserve(at, clock_ * params_.main_tlb.latency);
        access.charge(Part::main_tlb, at);
        if (micro_tlb_.enabled()) {
            if (!no_lookup) micro_tlb_.note_miss();
            at = micro_.reserve(at, SimTime{});
            micro_tlb_.fill(entry);
            access.charge(Part::micro_tlb, at);
        }
    }
    if (params_.keep_order) {
        SimTime& last_out = last_out_[access.write ? 1 : 0];
        at = std::max(at, last_out);
        last_out = at;
    }
    access.charge(Part::iommu_queue, at);
    at = out_.wire().reserve(at, out_.beats(access.size, access.write));
    access.charge(Part::link, at);
    latency_.add(at - received);
    if (held != 0) count_buffer(held, at - access.accepted);
    beats_free_ -= held;
    --free_slots_;
    leaving_.add(at, {held, nullptr});

    const SimTime accepted = access.accepted;
    access.address = entry.pa + (address & low_mask(entry.log2_bytes));
    access.at = at;
    const bool planned = out_.way()->plan(access);
    XLATE_CHECK(planned, name_);
    access.accepted = accepted;
    device_.will_leave_flight(access.at);
    return true;
}

}  // namespace xlate::soc
