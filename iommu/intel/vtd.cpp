#include "iommu/intel/vtd.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "iommu/intel/address_space.hpp"
#include "iommu/intel/translation.hpp"
#include "iommu/tables/layout_vtd.hpp"

namespace xlate::iommu::vtd {

Capabilities capabilities_by_name(const std::string& name) {
    using namespace cap;
    if (name == "qemu") return {0x10, 0x00D2008C222F0606, 0xF42 | ecap::IR.mask()};
    const std::uint64_t shared = ND.of(6) | SAGAW.of(4) | MGAW.of(47) | FRO.of(0x60) | SLLPS.of(3) | PSI.of(1) |
                                 MAMV.of(18) | DWD.of(1) | DRD.of(1) | ZLR.of(1);
    const std::uint64_t common = ecap::C.of(1) | ecap::QI.of(1) | ecap::DT.of(1) | ecap::IR.of(1) | ecap::EIM.of(1) |
                                 ecap::PT.of(1) | ecap::SC.of(1) | ecap::IRO.of(0x50) | ecap::MHMV.of(15);
    if (name == "server") return {0x10, shared | NFR.of(7), common};
    return {0x60, MGAW.set(SAGAW.set(shared, 0xE), 56) | NFR.of(7) | FS1GP.of(1) | FS5LP.of(1),
            common | ecap::NEST.of(1) | ecap::PRS.of(1) | ecap::ERS.of(1) | ecap::SRS.of(1) | ecap::EAFS.of(1) |
                ecap::PSS.of(19) | ecap::PASID.of(1) | ecap::SMTS.of(1) | ecap::SLADS.of(1) | ecap::SLTS.of(1) |
                ecap::FLTS.of(1) | ecap::SMPWC.of(1) | ecap::RPS.of(1)};
}

Vtd::Vtd(const VtdParams& params)
    : registers(params),
      outputs(params),
      context_cache(params.context_cache, params.seed, params.name + ".context"),
      pasid_cache(params.pasid_cache, params.seed, params.name + ".pasid"),
      interrupt_cache(params.interrupt_cache, params.seed, params.name + ".interrupt"),
      tlb({params.tlb, TlbTagging::address_space, 0}, params.seed, params.name + ".iotlb"),
      nested_cache({params.nested_cache, TlbTagging::address_space, 0}, params.seed, params.name + ".nested"),
      params_(params) {
    XLATE_CHECK(params.physical_bits() >= 32 && params.fault_offset() >= 0x100, params.name);
    for (unsigned level = 0; level < kWalkCaches; ++level) {
        walk_s1.emplace_back(params.walk_s1[level], params.seed, params.name + ".s1." + std::to_string(level));
        walk_s2.emplace_back(params.walk_s2[level], params.seed, params.name + ".s2." + std::to_string(level));
    }
}

void Vtd::reset() {
    registers.reset();
    outputs.clear();
    queue_.clear();
    by_register_.clear();
    pages_.clear();
    status_ = 0;
    command_.reset();
    root_ = interrupt_table_ = 0;
    iva_register = iotlb_register = 0;
    queue_head = 0;
    translates_ = false;
    invalidate_all();
    interrupt_cache.clear();
}

std::uint64_t Vtd::register_bytes(unsigned) const {
    const std::uint64_t end = std::max<std::uint64_t>(
        params_.fault_offset() + params_.fault_records() * kFaultRecordBytes, params_.iotlb_offset() + 16);
    return align_up(std::max<std::uint64_t>(end, kRegisterBytes), kRegisterBytes);
}

/// Registers whose place the capabilities say, of 8 bytes; fault records are read through Outputs.
std::uint64_t* Vtd::special(std::uint32_t offset) {
    const std::uint32_t base = params_.iotlb_offset();
    if (offset == base + reg::kIva) return &iva_register;
    if (offset == base + reg::kIotlb) return &iotlb_register;
    return nullptr;
}

/// Of the four bytes at `offset`.
std::uint64_t Vtd::read_word(std::uint32_t offset) const {
    const std::uint32_t records = params_.fault_offset();
    if (offset >= records && offset < records + outputs.records() * kFaultRecordBytes) {
        const FaultRecord& record = outputs.record((offset - records) / kFaultRecordBytes);
        const std::uint64_t word = (offset & 8) != 0 ? record.high : record.low;
        return word >> (8 * (offset & 4)) & low_mask(32);
    }
    const std::uint32_t base = params_.iotlb_offset();
    if (offset >= base && offset < base + 16) {
        return (offset - base < 8 ? iva_register : iotlb_register) >> (8 * (offset & 4)) & low_mask(32);
    }
    const RegRow* const row = Registers::find(offset);
    return row == nullptr ? 0 : read_row(*row) >> (8 * (offset - row->spec.offset)) & low_mask(32);
}

std::uint64_t Vtd::read_row(const RegRow& row) const {
    switch (row.spec.offset) {
        case reg::GCMD:
            return 0;
        case reg::CCMD:  // SID and FM are write-only
            return registers.read(row) & ~(ccmd::SID.mask() | ccmd::FM.mask());
        case reg::GSTS:
            return status_;
        case reg::FSTS:
            return outputs.fault_status();
        case reg::IQH:
            return std::uint64_t{queue_head} * queue_bytes();
        default:
            return registers.read(row);
    }
}

std::uint64_t Vtd::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || offset + size > register_bytes() || offset % size != 0) return 0;
    const auto at = static_cast<std::uint32_t>(offset);
    const std::uint64_t low = read_word(at);
    return size == 8 ? low | read_word(at + 4) << 32 : low;
}

void Vtd::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || offset + size > register_bytes() || offset % size != 0) return;
    const auto at = static_cast<std::uint32_t>(offset);
    if (size == 4) return write_word(at, value & low_mask(32));
    const RegRow* const row = Registers::find(at);
    if (row != nullptr && row->spec.size == 8) return write_row(*row, value);
    if (std::uint64_t* const word = special(at)) {
        *word = value;
        return;
    }
    write_word(at, value & low_mask(32));
    write_word(at + 4, value >> 32);
}

void Vtd::write_word(std::uint32_t offset, std::uint64_t value) {
    const std::uint32_t records = params_.fault_offset();
    if (offset >= records && offset < records + outputs.records() * kFaultRecordBytes) {
        const std::uint32_t within = (offset - records) % kFaultRecordBytes;
        if (within == 12 && frcd::F.test(value << 32)) {
            outputs.clear_record((offset - records) / kFaultRecordBytes, registers);
        }
        return;
    }
    const Field half{8 * (offset & 4), 32};
    if (std::uint64_t* const word = special(offset & ~std::uint32_t{7})) {
        *word = half.set(*word, value);
        return;
    }
    const RegRow* const row = Registers::find(offset);
    if (row == nullptr) return;
    write_row(*row, row->spec.size == 8 ? half.set(registers.read(*row), value) : value);
}

void Vtd::write_row(const RegRow& row, std::uint64_t value) {
    const auto plain = [&] { registers.store(row, (registers.read(row) & ~row.writable) | (value & row.writable)); };
    switch (row.spec.offset) {
        case reg::GCMD:
            if (command_) settle();
            command_ = static_cast<std::uint32_t>(value);
            return;
        case reg::CCMD:
            if (!ccmd::ICC.test(registers.read(row))) plain();
            return;
        case reg::FSTS:
            return outputs.write_fault_status(value, registers);
        case reg::FECTL:
            return outputs.write_control(Event::fault, value, registers);
        case reg::IECTL:
            return outputs.write_control(Event::completion, value, registers);
        case reg::PECTL:
            if (params_.has(ecap::PRS)) outputs.write_control(Event::page, value, registers);
            return;
        case reg::ICS:
            return outputs.write_completion_status(value, registers);
        case reg::PRS:
            registers.store(row, registers.read(row) & ~value);
            if (registers.read(row) == 0) outputs.unsignal(Event::page, registers);
            return;
        case reg::PMEN:
            if (!cap::PLMR.test(params_.cap) && !cap::PHMR.test(params_.cap)) return;
            plain();
            registers.store(row, pmen::PRS.set(registers.read(row), pmen::EPM.get(value)));
            drop_ports();
            return;
        case reg::PLMBASE:
        case reg::PLMLIMIT:
            if (cap::PLMR.test(params_.cap)) plain();
            return;
        case reg::PHMBASE:
        case reg::PHMLIMIT:
            if (cap::PHMR.test(params_.cap)) plain();
            return;
        case reg::PQH:
        case reg::PQT:
        case reg::PQA:
        case reg::PEDATA:
        case reg::PEADDR:
        case reg::PEUADDR:
            if (params_.has(ecap::PRS)) plain();
            return;
        default:
            plain();
    }
}

bool Vtd::settling() const { return command_.has_value(); }

/// What a command turns off waits for what is under way.
void Vtd::settle() {
    if (!command_) return;
    const bool queue_goes_off = queue_on() && !gcmd::QIE.test(*command_);
    if (queue_goes_off && queue_.busy()) return;
    const std::uint32_t command = *command_;
    command_.reset();
    apply_command(command);
}

void Vtd::apply_command(std::uint32_t command) {
    const std::uint32_t before = status_;
    std::uint64_t kept = gcmd::TE.mask();
    if (params_.has(ecap::QI)) kept |= gcmd::QIE.mask();
    if (params_.has(ecap::IR)) kept |= gcmd::IRE.mask() | gcmd::CFI.mask();
    status_ = static_cast<std::uint32_t>((status_ & ~gcmd::kKept) | (command & kept));
    const auto changed = [&](Field bit) { return bit.test(before ^ status_); };
    if (changed(gcmd::QIE)) queue_head = 0;
    if (gcmd::SRTP.test(command)) {
        root_ = registers.get(reg::RTADDR);
        status_ |= static_cast<std::uint32_t>(gcmd::SRTP.mask());
        if (cap::ESRTPS.test(params_.cap)) invalidate_all();
    }
    if (gcmd::SIRTP.test(command) && params_.has(ecap::IR)) {
        interrupt_table_ = registers.get(reg::IRTA);
        status_ |= static_cast<std::uint32_t>(gcmd::SIRTP.mask());
        if (cap::ESIRTPS.test(params_.cap)) interrupt_cache.clear();
        note(Invalidation{});
    }
    translates_ = gcmd::TE.test(status_) || remaps_interrupts();
    if (changed(gcmd::TE) || changed(gcmd::IRE)) drop_ports();
}

/// What ports keep from before was decided by another state. The unit's own caches stay: software drops them.
void Vtd::drop_ports() {
    note(Invalidation{});
    Invalidation ports;
    ports.target = Invalidation::Target::configuration;
    ports.code = descriptor_code(DescriptorType::context_cache, qi::GLOBAL);
    tell(ports);
}

void Vtd::invalidate_all() {
    invalidate(Invalidation{});
    const auto always = [](std::uint64_t, const auto&) { return true; };
    context_cache.drop_if(always);
    pasid_cache.drop_if(always);
}

/// An epoch begins, by this.
void Vtd::note(const Invalidation& invalidation) {
    ++epoch_;
    recent_[epoch_ % recent_.size()] = invalidation;
}

bool Vtd::undisturbed(std::uint32_t since, const CachedTranslation& entry) const {
    if (epoch_ - since >= recent_.size()) return false;
    for (std::uint32_t epoch = since; epoch != epoch_; ++epoch) {
        const Invalidation& one = recent_[(epoch + 1) % recent_.size()];
        if (!one.is_tlb() || one.covers(entry)) return false;
    }
    return true;
}

bool Vtd::undisturbed(std::uint32_t since, const WalkCacheEntry& entry) const {
    if (epoch_ - since >= recent_.size()) return false;
    for (std::uint32_t epoch = since; epoch != epoch_; ++epoch) {
        const Invalidation& one = recent_[(epoch + 1) % recent_.size()];
        if (!one.is_tlb() || one.covers_table(entry.space, entry.base, entry.shift, entry.granule)) return false;
    }
    return true;
}

void Vtd::invalidate(const Invalidation& invalidation) {
    note(invalidation);
    tlb.invalidate(invalidation);
    nested_cache.invalidate(invalidation);
    for (WalkCache& cache : walk_s1) cache.invalidate(invalidation);
    for (WalkCache& cache : walk_s2) cache.invalidate(invalidation);
    tell(invalidation);
}

void Vtd::invalidate(const Decoded& decoded) {
    const ConfigMatch& match = decoded.config;
    if (match.cache != ConfigMatch::Cache::none) note(Invalidation{});
    const auto device = [&](std::uint64_t tag) {
        return !match.by_device || ((value(stream_of(tag)) ^ match.sid) & match.sid_mask) == 0;
    };
    switch (match.cache) {
        case ConfigMatch::Cache::none:
            break;
        case ConfigMatch::Cache::context:
            // In scalable mode a context entry has no domain: all of them go.
            context_cache.drop_if([&](std::uint64_t tag, const Context& entry) {
                return device(tag) && (!match.by_domain || scalable() || entry.did() == match.did);
            });
            pasid_cache.drop_if([&](std::uint64_t tag, const PasidEntry& entry) {
                return device(tag) && (!match.by_domain || entry.did() == match.did);
            });
            break;
        case ConfigMatch::Cache::pasid:
            pasid_cache.drop_if([&](std::uint64_t tag, const PasidEntry& entry) {
                return (!match.by_domain || entry.did() == match.did) &&
                       (!match.by_pasid || (tag >> 32 & low_mask(kPasidBits)) == match.pasid);
            });
            break;
        case ConfigMatch::Cache::interrupt:
            interrupt_cache.drop_if([&](std::uint64_t index, const InterruptEntry&) {
                return !match.by_index || (index >= match.first && index - match.first < match.count);
            });
            break;
    }
    if (decoded.tlb) invalidate(*decoded.tlb);
    if (decoded.nested) invalidate(*decoded.nested);
}

std::unique_ptr<TranslationSlot> Vtd::make_translation() { return std::make_unique<Translation>(*this); }

bool Vtd::machine_pending(unsigned index) const {
    if (index == 0) return queue_.pending(*this);
    if (index == 1) return by_register_.pending(*this);
    return outputs.pending() || pages_.pending();
}

const Step& Vtd::step_machine(unsigned index, const Reply& reply) {
    if (index == 0) {
        queue_.step(*this, reply, queue_step_);
        return queue_step_;
    }
    if (index == 1) {
        by_register_.step(*this, register_step_);
        return register_step_;
    }
    // One access at a time: what has begun goes on.
    output_step_.kind = StepKind::idle;
    if (!pages_.busy()) outputs.step(registers, output_step_);
    if (output_step_.kind == StepKind::idle) pages_.step(*this, reply, output_step_);
    if (output_step_.kind == StepKind::idle) outputs.step(registers, output_step_);
    return output_step_;
}

bool Vtd::page_request(const PageRequest& request) {
    pages_.add(request);
    return true;
}

std::optional<PageResponse> Vtd::take_page_response() { return pages_.take_response(); }

void Vtd::respond(const Descriptor& words) {
    PageResponse response;
    response.sid = StreamId{static_cast<std::uint32_t>(qi::RID.get(words[0]))};
    if (qi::PP.test(words[0])) {
        response.ssid = SubstreamId{static_cast<std::uint32_t>(qi::PASID.get(words[0]))};
    }
    response.prg_index = static_cast<std::uint16_t>(qi::PRGI.get(words[1]));
    response.code = static_cast<std::uint8_t>(qi::RC.get(words[0]));
    pages_.respond(response);
}

void Vtd::update_word(Step& step, std::uint64_t address, std::uint64_t before, std::uint64_t after) const {
    ++counters.updates;
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address};
    step.access.size = 8;
    step.access.kind = AccessKind::compare_and_swap;
    step.access.purpose = Purpose::update;
    step.access.expected = before;
    store_le(step.access.data.data(), 8, after);
}

/// 11.4.8: limits are of whole pieces of 1 MiB, the last byte included.
bool Vtd::is_protected(std::uint64_t address) const {
    if (!pmen::EPM.test(registers.get(reg::PMEN))) return false;
    const auto inside = [&](std::uint32_t base, std::uint32_t limit) {
        return address >= registers.get(base) && address <= (registers.get(limit) | low_mask(20));
    };
    return (cap::PLMR.test(params_.cap) && inside(reg::PLMBASE, reg::PLMLIMIT)) ||
           (cap::PHMR.test(params_.cap) && inside(reg::PHMBASE, reg::PHMLIMIT));
}

std::vector<std::uint64_t> Vtd::counter_values() const {
    const VtdCounters& c = counters;
    return {c.translations,   c.faults,     c.config_reads,  c.context_misses, c.pasid_misses, c.iotlb_misses,
            c.walks,          c.walk_reads, c.updates,       c.interrupts,     c.ats_requests, c.ats_translated,
            outputs.recorded, outputs.lost, c.page_requests, outputs.messages};
}

CacheCounters Vtd::structure_counters(std::size_t row) const {
    const StructureSpec& structure = spec().structures[row];
    switch (structure.kind) {
        case Structure::config_cache:
            return structure.level == 0   ? context_cache.counters()
                   : structure.level == 1 ? pasid_cache.counters()
                                          : interrupt_cache.counters();
        case Structure::tlb:
            return tlb.counters();
        case Structure::ipa_cache:
            return nested_cache.counters();
        case Structure::walk_cache:
            return (structure.stage == 1 ? walk_s1 : walk_s2)[structure.level].counters();
    }
    return {};
}

}  // namespace xlate::iommu::vtd
