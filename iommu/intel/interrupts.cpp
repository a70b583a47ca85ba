// Interrupts: writes to 0xFEExxxxx, and what their remapping table makes of them.
// Source: VT-d specification 4.1, sections 5.1.2 to 5.1.5, 9.9; docs/spec/iommu-hardware.md section 3.5.
#include "iommu/intel/translation.hpp"
#include "iommu/intel/vtd.hpp"

namespace xlate::iommu::vtd {

namespace {

/// 5.1.2.2 step 3, 9.9: who may use the entry.
bool is_source(const InterruptEntry& entry, std::uint32_t requester) {
    const std::uint64_t sid = irte::SID.get(entry.high);
    switch (irte::SVT.get(entry.high)) {
        case irte::NO_CHECK:
            return true;
        case irte::CHECK_SID: {
            constexpr std::uint32_t kIgnored[] = {0, 4, 6, 7};
            return ((sid ^ requester) & ~std::uint64_t{kIgnored[irte::SQ.get(entry.high)]}) == 0;
        }
        default: {
            const std::uint64_t bus = requester >> 8;
            return bus >= irte::FIRST_BUS.get(sid) && bus <= irte::LAST_BUS.get(sid);
        }
    }
}

}  // namespace

/// A request to the interrupt range, without a PASID.
bool Translation::begin_interrupt() {
    // Only writes of four bytes are messages; what a read there gives, no specification says.
    if (!request_.write) return refuse(Reason::none, 0, true);
    outcome_.interrupt = true;
    index_ = message::handle(request_.address);
    if (!unit_.remaps_interrupts()) return deliver(request_.address, data_);
    const std::uint64_t table = unit_.interrupt_table();
    if (!message::REMAPPABLE.test(request_.address)) {
        // 5.1.4: the compatibility format passes only if software has allowed it, and never with long destinations.
        const bool long_destinations = irta::EIME.test(table) && unit_.params().has(ecap::EIM);
        const bool passes = gcmd::CFI.test(unit_.status()) && !long_destinations;
        return passes ? deliver(request_.address, data_) : fail_interrupt(Reason::ir_compatibility);
    }
    const bool sub_handle = message::SHV.test(request_.address);
    if (sub_handle && data_ >> message::SUB_HANDLE.width != 0) return fail_interrupt(Reason::ir_request_reserved);
    if (sub_handle) index_ += static_cast<std::uint32_t>(message::SUB_HANDLE.get(data_));
    if (index_ >> (irta::S.get(unit_.interrupt_table()) + 1) != 0) return fail_interrupt(Reason::ir_index);
    if (!request_.debug) ++unit_.counters.interrupts;
    state_ = unit_.interrupt_cache.enabled() && !request_.debug ? State::interrupt_lookup : State::interrupt_looked_up;
    return false;
}

bool Translation::take_interrupt(const InterruptEntry& entry) {
    const bool silent = irte::FPD.test(entry.low);
    if (!irte::P.test(entry.low)) return fail_interrupt(Reason::ir_not_present, silent);
    const bool long_destination = irta::EIME.test(unit_.interrupt_table());
    const std::uint64_t reserved =
        (entry.low & (irte::kReserved0 | irte::IM.mask() | (long_destination ? 0 : irte::kXapicReserved0))) |
        (entry.high & irte::kReserved1);
    if (reserved != 0 || irte::SVT.get(entry.high) == 3) return fail_interrupt(Reason::ir_reserved, silent);
    if (!is_source(entry, value(request_.sid))) return fail_interrupt(Reason::ir_source, silent);
    if (!request_.debug && epoch_ == unit_.epoch()) unit_.interrupt_cache.fill(index_, entry);
    const std::uint64_t destination = long_destination ? irte::DST.get(entry.low) : irte::XAPIC_DST.get(entry.low);
    const std::uint64_t address =
        kInterruptBase | message::DEST.of(destination) | message::DEST_HIGH.of(destination >> 8) |
        message::REDIRECTION_HINT.of(irte::RH.get(entry.low)) | message::DEST_MODE.of(irte::DM.get(entry.low));
    const std::uint64_t data = message::VECTOR.of(irte::V.get(entry.low)) |
                               message::DELIVERY.of(irte::DLM.get(entry.low)) | message::LEVEL.of(1) |
                               message::TRIGGER.of(irte::TM.get(entry.low));
    return deliver(address, static_cast<std::uint32_t>(data));
}

bool Translation::fail_interrupt(Reason reason, bool silent) { return refuse(reason, frcd::INDEX.of(index_), silent); }

bool Translation::deliver(std::uint64_t address, std::uint32_t data) {
    outcome_.address = address;
    outcome_.data = data;
    CachedTranslation entry;
    entry.va = request_.address & ~low_mask(12);
    entry.pa = address & ~low_mask(12);
    entry.stream = stream_tag(request_.sid, request_.ssid);
    entry.permissions = {Permissions::kAll};
    entry.attributes = request_.incoming;
    complete(entry, false);
    step_.result.pa = PhysAddr{address};
    return true;
}

}  // namespace xlate::iommu::vtd
