#include "iommu/amd/iommu.hpp"

#include <algorithm>

#include "iommu/amd/space.hpp"

namespace xlate::iommu::amd {

namespace {

constexpr std::size_t kMaxPrefetches = 16;  ///< a prefetch is a hint: more are dropped

constexpr std::uint16_t code(Opcode opcode) { return static_cast<std::uint16_t>(opcode); }

}  // namespace

std::uint64_t ext_feat_by_name(std::string_view name) {
    using namespace feat;
    const std::uint64_t v1 = IA.of(1) | HATS.of(2);
    if (name == "v1") return v1;
    const std::uint64_t qemu =
        PREF.of(1) | PPR.of(1) | GT.of(1) | IA.of(1) | GA.of(1) | HE.of(1) | HATS.of(2) | GATS.of(2);
    if (name == "qemu") return qemu;
    return PREF.of(1) | PPR.of(1) | XT.of(1) | NX.of(1) | GT.of(1) | IA.of(1) | GA.of(1) | HATS.of(2) | GATS.of(1) |
           GLX.of(2) | PASMAX.of(kPasidBits - 1) | GIO.of(1);
}

Iommu::Iommu(const AmdParams& params)
    : registers(params),
      dte_cache(params.dte_cache, params.seed, params.name + ".dte"),
      irte_cache(params.irte_cache, params.seed, params.name + ".irte"),
      tlb({params.tlb, TlbTagging::address_space, 0}, params.seed, params.name + ".tlb"),
      params_(params),
      suppressed_(std::size_t{1} << kDeviceIdBits, false) {
    prefetches_.reserve(kMaxPrefetches);
    for (unsigned level = 0; level < kWalkCaches; ++level) {
        walk_host.emplace_back(params.walk_host[level], params.seed, params.name + ".v1." + std::to_string(level));
        walk_guest.emplace_back(params.walk_guest[level], params.seed, params.name + ".v2." + std::to_string(level));
    }
}

void Iommu::reset() {
    registers.reset();
    commands_.clear();
    logs.clear();
    prefetches_.clear();
    translates_ = false;
    invalidate(Invalidation{});
}

std::uint64_t Iommu::register_bytes(unsigned) const { return kRegisterBytes; }

std::uint64_t Iommu::status() const {
    const auto runs = [&](Field on, const Ring& ring, Field bit) {
        return bit.of(registers.on(control::EN) && registers.on(on) && !ring.stopped ? 1 : 0);
    };
    return registers.status | runs(control::EVTLOG, registers.events, status::EVTRUN) |
           (runs(control::CMDBUF, registers.commands, status::CMDRUN) | status::CMDRUN.of(commands_.busy() ? 1 : 0)) |
           (registers.on(control::PPR) ? runs(control::PPRLOG, registers.pprs, status::PPRRUN) : 0);
}

std::uint32_t Iommu::pci_capability(unsigned offset) const {
    if (offset != kCapabilityHeader) return 0;
    return static_cast<std::uint32_t>(capability::ID.of(capability::kSecureDevice) |
                                      capability::TYPE.of(capability::kIommu) | capability::IOTLB.of(1) |
                                      capability::NP_CACHE.of(params_.np_cache ? 1 : 0) | capability::EFR.of(1));
}

std::uint64_t Iommu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || offset + size > kRegisterBytes || offset % size != 0) return 0;
    const auto at = static_cast<std::uint32_t>(offset);
    const RegSpec* row = find_register(register_rows(), at);
    if (row == nullptr) {
        // Two of 4 bytes at once.
        return size == 8 ? read_register(offset, 4) | read_register(offset + 4, 4) << 32 : 0;
    }
    if (row->size < size) return read_register(offset, 4) | read_register(offset + 4, 4) << 32;
    const std::uint32_t within = at - row->offset;
    const std::uint64_t word = row->offset == reg::STATUS ? status() : registers.read(row->offset);
    return (word >> (8 * within)) & low_mask(8 * size);
}

void Iommu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || offset + size > kRegisterBytes || offset % size != 0) return;
    const auto at = static_cast<std::uint32_t>(offset);
    const RegSpec* row = find_register(register_rows(), at);
    if (size == 8 && (row == nullptr || row->size < 8)) {
        write_register(offset, 4, value & low_mask(32));
        write_register(offset + 4, 4, value >> 32);
        return;
    }
    if (row == nullptr || row->access == Access::ro) return;
    const Field part{8 * (at - row->offset), 8 * size};
    if (row->offset == reg::STATUS) {
        registers.status &= ~(part.of(value) & status::kClearable);
        return;
    }
    const std::uint64_t word = size == row->size ? value : part.set(registers.read(row->offset), value);
    switch (row->offset) {
        case reg::CONTROL:
            return write_control(word);
        case reg::EXCL_BASE:
        case reg::EXCL_LIMIT:
        case reg::DEVTAB:
            registers.write(row->offset, word);
            return drop_ports();
        default:
            registers.write(row->offset, word);
    }
}

/// A ring that goes on again begins where its pointers are.
void Iommu::write_control(std::uint64_t value) {
    const std::uint64_t before = registers.control;
    registers.control = value;
    const auto rises = [&](Field bit) { return bit.test(value) && !bit.test(before); };
    if (rises(control::CMDBUF)) registers.commands.stopped = false;
    if (rises(control::EVTLOG)) registers.events.stopped = false;
    if (rises(control::PPRLOG)) registers.pprs.stopped = false;
    translates_ = control::EN.test(value);
    constexpr std::uint64_t kMeaning = control::EN.mask() | control::GT.mask() | control::GA.mask();
    if (((before ^ value) & kMeaning) != 0) drop_ports();
}

/// What ports keep was decided by registers that have changed. The IOMMU's own caches stay: software drops them.
void Iommu::drop_ports() {
    ++epoch_;
    Invalidation ports;
    ports.target = Invalidation::Target::configuration;
    ports.code = code(Opcode::invalidate_devtab_entry);
    tell(ports);
}

std::unique_ptr<TranslationSlot> Iommu::make_translation() { return std::make_unique<Translation>(*this); }

bool Iommu::machine_pending(unsigned index) const {
    return index == 0 ? commands_.pending(*this) : logs.pending(registers);
}

const Step& Iommu::step_machine(unsigned index, const Reply& reply) {
    if (index == 0) {
        commands_.step(*this, reply, command_step_);
        return command_step_;
    }
    logs.step(*this, reply, output_step_);
    return output_step_;
}

void Iommu::prefetch(const Prefetch& prefetch) {
    if (prefetches_.size() < kMaxPrefetches) prefetches_.push_back(prefetch);
}

std::optional<Prefetch> Iommu::take_prefetch() {
    if (prefetches_.empty()) return std::nullopt;
    const Prefetch prefetch = prefetches_.front();
    prefetches_.erase(prefetches_.begin());
    return prefetch;
}

std::optional<unsigned> Iommu::take_wire() { return logs.take_pulse() ? std::optional(0U) : std::nullopt; }

bool Iommu::page_request(const PageRequest& request) {
    logs.page_request(request);
    return true;
}

bool Iommu::report(const WalkFault& fault, const FaultSubject& subject, const Dte* entry) {
    if (fault.event == Event::io_page_fault && entry != nullptr) {
        if (dte::SA.test(entry->words[1])) return false;
        if (dte::SE.test(entry->words[1])) {
            if (suppressed_[subject.device]) return false;
            suppressed_[subject.device] = true;
        }
    }
    EntryWords words{event::CODE.of(static_cast<std::uint64_t>(fault.event)) | event::DEVICE.of(subject.device),
                     subject.address};
    const bool write = subject.write && !subject.translation_request && !subject.interrupt;
    words[0] |= event::RW.of(write ? 1 : 0) | event::TR.of(subject.translation_request ? 1 : 0) |
                event::I.of(subject.interrupt ? 1 : 0);
    switch (fault.event) {
        case Event::io_page_fault:
            words[0] |= event::PR.of(fault.present ? 1 : 0) | event::PE.of(fault.permission ? 1 : 0) |
                        event::RZ.of(fault.reserved ? 1 : 0);
            if (subject.pasid) {
                words[0] |= event::GN.of(1) | event::DOMAIN_ID.of(*subject.pasid) |
                            event::PASID_19_16.of(*subject.pasid >> 16) | event::NX.of(subject.execute ? 1 : 0) |
                            event::US.of(subject.user ? 1 : 0);
            } else if (entry != nullptr) {
                words[0] |= event::DOMAIN_ID.of(entry->domain());
            }
            break;
        case Event::illegal_dev_table_entry:
            words[0] |= event::RZ.of(fault.reserved ? 1 : 0);
            break;
        case Event::page_tab_hw_error:
            words[0] |= event::HW_TYPE.of(1);
            if (entry != nullptr) words[0] |= event::DOMAIN_ID.of(entry->domain());
            words[1] = fault.address;
            break;
        case Event::dev_tab_hw_error:
            words[0] |= event::HW_TYPE.of(1);
            words[1] = fault.address;
            break;
        case Event::invalid_device_request:
            // RW's place is not this event's. Types are counted apart for translation requests, of which 0 is one of a
            // device without I; of the others 0 is a read of the interrupt range, 1 an access of a device without I
            // that is translated already.
            words[0] &= ~(event::RW.mask() | event::I.mask());
            words[0] |= event::REQUEST_TYPE.of(
                subject.translation_request || (subject.address >= kInterruptFirst && subject.address <= kInterruptLast)
                    ? 0
                    : 1);
            break;
        default:
            break;
    }
    return logs.report(words, registers);
}

/// A command for one interrupt table leaves the device's entry, and the other way round.
void Iommu::invalidate(const Invalidation& invalidation) {
    using Target = Invalidation::Target;
    ++epoch_;
    if (invalidation.code == code(Opcode::invalidate_interrupt_table)) {
        irte_cache.invalidate(invalidation);
        return;
    }
    if (invalidation.is_config() && invalidation.stream_mask != 0) {
        suppressed_[value(stream_of(invalidation.stream)) & low_mask(kDeviceIdBits)] = false;
    } else if (invalidation.target == Target::everything) {
        suppressed_.assign(suppressed_.size(), false);
        irte_cache.invalidate(invalidation);
    }
    dte_cache.invalidate(invalidation);
    drop_translations(invalidation);
    tell(invalidation);
    // What goes through both stages is found by its guest's address: of a host's page all of it goes.
    if (invalidation.is_tlb() && !space_tag::GN.test(invalidation.space)) {
        Invalidation nested = invalidation;
        nested.by_address = false;
        nested.space |= space_tag::GN.mask() | space_tag::NESTED.mask();
        nested.space_mask |= space_tag::NESTED.mask();
        nested.global_mask = nested.space_mask;
        drop_translations(nested);
        tell(nested);
    }
}

void Iommu::drop_translations(const Invalidation& invalidation) {
    tlb.invalidate(invalidation);
    for (WalkCache& cache : walk_host) cache.invalidate(invalidation);
    for (WalkCache& cache : walk_guest) cache.invalidate(invalidation);
}

std::vector<std::uint64_t> Iommu::counter_values() const {
    const AmdCounters& c = counters;
    return {c.translations,       c.faults,      c.tlb_hits, c.tlb_misses,
            c.dte_hits,           c.dte_misses,  c.walks,    c.host_reads + c.guest_reads,
            c.host_reads,         c.guest_reads, c.updates,  c.interrupts,
            c.interrupts_blocked, logs.written,  logs.lost,  logs.requests,
            logs.messages};
}

CacheCounters Iommu::structure_counters(std::size_t row) const {
    const StructureSpec& structure = spec().structures[row];
    switch (structure.kind) {
        case Structure::config_cache:
            return structure.level == 0 ? dte_cache.counters() : irte_cache.counters();
        case Structure::tlb:
            return tlb.counters();
        case Structure::walk_cache:
            return (structure.stage == 1 ? walk_guest : walk_host)[structure.level].counters();
        case Structure::ipa_cache:
            break;
    }
    return {};
}

}  // namespace xlate::iommu::amd
