#include "iommu/riscv/iommu.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/error.hpp"
#include "iommu/riscv/address_space.hpp"
#include "iommu/riscv/purpose.hpp"

namespace xlate::iommu::riscv {

namespace pte = riscv_table::pte;

namespace {

std::uint64_t bits_of(std::initializer_list<Field> fields) {
    std::uint64_t word = caps::VERSION.of(0x10);
    for (const Field& field : fields) word |= field.mask();
    return word;
}

}  // namespace

std::uint64_t capabilities_by_name(const std::string& name) {
    using namespace caps;
    const std::uint64_t base = bits_of({Sv39}) | IGS.of(IGS_BOTH) | PAS.of(56);
    if (name == "base") return base;
    if (name == "nested") return base | bits_of({Sv39x4, BELOW_GUEST});
    const std::uint64_t qemu =
        base | bits_of({Sv48, Sv57, Sv39x4, Sv48x4, Sv57x4, MSI_FLAT, MSI_MRIF, ATS, T2GPA, DBG, HPM, PD8, PD17, PD20});
    return name == "qemu" ? qemu : qemu | bits_of({Svpbmt, AMO_HWAD, AMO_MRIF, NL, S, END, QOSID});
}

Iommu::Iommu(const RiscvParams& params)
    : registers(params),
      ddt_cache(params.ddt_cache, params.seed, params.name + ".ddt"),
      pdt_cache(params.pdt_cache, params.seed, params.name + ".pdt"),
      tlb({params.tlb, TlbTagging::address_space, space_tag::kGlobalIgnores}, params.seed, params.name + ".tlb"),
      gpa_cache({params.gpa_cache, TlbTagging::address_space, 0}, params.seed, params.name + ".gpa"),
      params_(params),
      request_(*this) {
    XLATE_CHECK(params.hpm_counters <= kHpmCounters && params.vector_bits <= 4 && params.hpm_bits <= 64 &&
                    params.physical_bits() >= 32 && params.physical_bits() <= 56,
                params.name);
    for (unsigned level = 0; level < kWalkCaches; ++level) {
        walk_s1.emplace_back(params.walk_s1[level], params.seed, params.name + ".s1." + std::to_string(level));
        walk_s2.emplace_back(params.walk_s2[level], params.seed, params.name + ".s2." + std::to_string(level));
    }
}

bool Iommu::partition(const std::shared_ptr<const CachePartitions>& partitions) {
    tlb.partition(partitions);
    gpa_cache.partition(partitions);
    for (std::vector<WalkCache>* caches : {&walk_s1, &walk_s2}) {
        for (WalkCache& cache : *caches) cache.partition(partitions);
    }
    return true;
}

void Iommu::reset() {
    registers.reset();
    commands_.clear();
    outputs.clear();
    request_running_ = false;
    levels_ = pulses_ = 0;
    translates_ = false;
    invalidate(Invalidation{});
}

std::uint64_t Iommu::register_bytes(unsigned) const { return kRegisterBytes; }

std::uint64_t Iommu::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || offset + size > kRegisterBytes || offset % size != 0) return 0;
    const auto at = static_cast<std::uint32_t>(offset);
    const RegRow* row = find_row(at);
    if (row == nullptr || row->first.size < size) return 0;
    const std::uint32_t within = (at - row->first.offset) % row->stride;
    return (registers.read(at - within) >> (8 * within)) & low_mask(8 * size);
}

void Iommu::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || offset + size > kRegisterBytes || offset % size != 0) return;
    const auto at = static_cast<std::uint32_t>(offset);
    const RegRow* row = find_row(at);
    if (row == nullptr || row->first.size < size || row->first.access == Access::ro) return;
    const std::uint32_t within = (at - row->first.offset) % row->stride;
    if (row->first.size != size) {  // one half of a register of 8 bytes
        const Field half{8 * within, 8 * size};
        value = half.set(registers.read(at - within), value);
    }
    write_aligned(at - within, value & low_mask(8 * row->first.size));
    update_wires();
}

void Iommu::write_aligned(std::uint32_t offset, std::uint64_t value) {
    using namespace queue_csr;
    constexpr std::uint64_t kCommand = MF.mask() | CMD_TO.mask() | CMD_ILL.mask() | FENCE_W_IP.mask();
    constexpr std::uint64_t kRecords = MF.mask() | OVERFLOW.mask();
    switch (offset) {
        case reg::FCTL:
            return write_fctl(value);
        case reg::DDTP:
            return write_ddtp(value);
        case reg::CQCSR:
            return write_csr(registers.cq, static_cast<std::uint32_t>(value), kCommand);
        case reg::FQCSR:
            return write_csr(registers.fq, static_cast<std::uint32_t>(value), kRecords);
        case reg::PQCSR:
            return write_csr(registers.pq, static_cast<std::uint32_t>(value), kRecords);
        case reg::IPSR:
            return write_ipsr(value);
        case reg::TR_REQ_CTL:
            if (!params_.has(caps::DBG) || tr_req_ctl::GO_BUSY.test(registers.tr_req_ctl)) return;
            registers.tr_req_ctl = value & tr_req_ctl::kWritable;
            return;
        default:
            registers.write_plain(offset, value);
    }
}

/// Only while the IOMMU and its queues are off: at another time the specification leaves it open, and ours ignores it.
void Iommu::write_fctl(std::uint64_t value) {
    if (registers.ddtp_mode() != ddtp::OFF || registers.cq.enabled || registers.fq.enabled || registers.pq.enabled) {
        return;
    }
    const auto take = [&](Field field) {
        registers.fctl = static_cast<std::uint32_t>(field.set(registers.fctl, field.get(value)));
    };
    if (params_.has(caps::END)) take(fctl::BE);
    if (caps::IGS.get(params_.capabilities) == caps::IGS_BOTH) take(fctl::WSI);
    if (params_.has(caps::Sv32) || params_.has(caps::Sv32x4)) take(fctl::GXL);
}

/// A mode that is not there leaves all as it was.
void Iommu::write_ddtp(std::uint64_t value) {
    if (registers.ddtp_busy) return;
    const std::uint64_t mode = ddtp::MODE.get(value);
    if (mode > ddtp::LVL3 || (mode >= ddtp::LVL1 && mode - ddtp::BARE > params_.max_ddt_levels)) return;
    registers.ddtp_next = value & (ddtp::MODE.mask() | params_.ppn_mask());
    registers.ddtp_busy = true;
}

/// What ports keep from before was decided by the old directory. The IOMMU's own caches stay: software drops them.
void Iommu::apply_ddtp() {
    registers.ddtp = registers.ddtp_next;
    registers.ddtp_busy = false;
    translates_ = registers.ddtp_mode() >= ddtp::LVL1;
    ++epoch_;
    Invalidation ports;
    ports.target = Invalidation::Target::configuration;
    ports.code = command_code(Opcode::IODIR, cmd::INVAL_DDT);
    tell(ports);
}

void Iommu::write_csr(Queue& queue, std::uint32_t value, std::uint32_t clearable) {
    if (queue.busy()) return;
    const bool enable = queue_csr::EN.test(value);
    if (enable && !queue.enabled) {
        queue.head = queue.tail = 0;
        queue.errors = 0;
    }
    queue.enabled = enable;
    queue.interrupts = queue_csr::IE.test(value);
    queue.errors &= ~(value & clearable);
}

/// A source with something left to say says it again.
void Iommu::write_ipsr(std::uint64_t value) {
    const auto cleared = static_cast<std::uint32_t>(value & 0xF);
    registers.ipsr &= ~cleared;
    if (ipsr::CIP.test(cleared) && registers.cq.errors != 0) outputs.raise(Interrupt::command, registers);
    if (ipsr::FIP.test(cleared) && registers.fq.errors != 0) outputs.raise(Interrupt::fault, registers);
    if (ipsr::PIP.test(cleared) && registers.pq.errors != 0) outputs.raise(Interrupt::page, registers);
    if (cleared != 0) levels_ = 0;  // a line that stays up pulses once more
}

bool Iommu::settling() const {
    return registers.ddtp_busy || registers.cq.busy() || registers.fq.busy() || registers.pq.busy();
}

/// A queue goes off when nothing of it is under way any more.
bool Iommu::queue_settles(const Queue& queue) const {
    if (queue.enabled) return true;
    if (&queue == &registers.cq) return !commands_.busy();
    return outputs.quiet(&queue == &registers.fq);
}

void Iommu::settle() {
    if (registers.ddtp_busy) apply_ddtp();
    for (Queue* queue : {&registers.cq, &registers.fq, &registers.pq}) {
        if (!queue->busy() || !queue_settles(*queue)) continue;
        queue->on = queue->enabled;
        if (queue->on) continue;
        queue->head = queue->tail = 0;
        queue->errors = 0;
    }
    update_wires();
}

std::unique_ptr<TranslationSlot> Iommu::make_translation() { return std::make_unique<Translation>(*this); }

bool Iommu::machine_pending(unsigned index) const {
    if (index == 0) return commands_.pending(*this);
    if (index == 1) return outputs.pending(registers);
    return request_running_ || tr_req_ctl::GO_BUSY.test(registers.tr_req_ctl);
}

const Step& Iommu::step_machine(unsigned index, const Reply& reply) {
    if (index == 0) {
        commands_.step(*this, reply, command_step_);
        update_wires();
        return command_step_;
    }
    if (index == 1) {
        outputs.step(*this, reply, output_step_);
        update_wires();
        return output_step_;
    }
    if (!request_running_) {
        const std::uint64_t control = registers.tr_req_ctl;
        Request request;
        request.sid = StreamId{static_cast<std::uint32_t>(tr_req_ctl::DID.get(control))};
        if (tr_req_ctl::PV.test(control)) {
            request.ssid = SubstreamId{static_cast<std::uint32_t>(tr_req_ctl::PID.get(control))};
        }
        request.address = registers.tr_req_iova;
        request.length = 1;
        request.write = !tr_req_ctl::NW.test(control);
        request.instruction = tr_req_ctl::EXE.test(control);
        request.privileged = tr_req_ctl::PRIV.test(control);
        request_.start(request);
        request_running_ = true;
    }
    const Step& step = request_.step(reply);
    if (step.kind == StepKind::done || step.kind == StepKind::fault) end_request(step);
    update_wires();
    return step;
}

void Iommu::end_request(const Step& step) {
    request_running_ = false;
    registers.tr_req_ctl &= ~tr_req_ctl::GO_BUSY.mask();
    registers.tr_response = tr_response::FAULT.of(1);
    if (step.kind == StepKind::fault) return;
    const CachedTranslation& entry = step.result.entry;
    const bool large = entry.log2_bytes > kPageBits;
    std::uint64_t page = step.result.pa.value >> kPageBits;
    if (large) page = (page & ~low_mask(entry.log2_bytes - kPageBits)) | low_mask(entry.log2_bytes - kPageBits - 1);
    registers.tr_response =
        tr_response::PBMT.of(request_.outcome().pbmt) | tr_response::S.of(large ? 1 : 0) | tr_response::PPN.of(page);
}

std::uint32_t Iommu::wire_levels() const {
    if (!registers.wired()) return 0;
    constexpr Field kVector[] = {icvec::CIV, icvec::FIV, icvec::PMIV, icvec::PIV};
    std::uint32_t levels = 0;
    for (unsigned i = 0; i < kInterrupts; ++i) {
        if ((registers.ipsr >> i & 1) != 0) levels |= std::uint32_t{1} << kVector[i].get(registers.icvec);
    }
    return levels;
}

void Iommu::update_wires() {
    const std::uint32_t levels = wire_levels();
    pulses_ |= levels & ~levels_;
    levels_ = levels;
}

std::optional<unsigned> Iommu::take_wire() {
    for (unsigned line = 0; line < params_.wires; ++line) {
        if ((pulses_ >> line & 1) == 0) continue;
        pulses_ &= ~(std::uint32_t{1} << line);
        return line;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> Iommu::take_resumed() { return outputs.take_resumed(); }

bool Iommu::page_request(const PageRequest& request) {
    outputs.page_request(request);
    return true;
}

bool Iommu::is_poisoned(const MemoryAccess& access) const {
    return std::any_of(poisoned_.begin(), poisoned_.end(), [&](std::uint64_t block) {
        return access.address.value < block + 64 && block < access.address.value + access.size;
    });
}

bool Iommu::unusable(std::uint64_t word, Mode mode) const {
    if (!pte::V.test(word) || (pte::W.test(word) && !pte::R.test(word))) return true;
    if (mode == Mode::sv32) return false;
    const std::uint64_t pbmt = pte::PBMT.get(word);
    return pte::RESERVED.test(word) || pbmt == 3 || (pbmt != 0 && !params_.has(caps::Svpbmt));
}

bool Iommu::unusable_table(std::uint64_t word) const {
    return pte::D.test(word) || pte::A.test(word) || pte::U.test(word) || pte::PBMT.test(word);
}

void Iommu::update_word(Step& step, std::uint64_t address, std::uint32_t bytes, std::uint64_t before,
                        std::uint64_t after, bool big_endian) const {
    ++counters.updates;
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address};
    step.access.size = bytes;
    step.access.kind = AccessKind::compare_and_swap;
    step.access.purpose = Purpose::update;
    (big_endian ? &store_be : &store_le)(step.access.data.data(), bytes, after);
    std::array<std::uint8_t, 8> expected{};
    (big_endian ? &store_be : &store_le)(expected.data(), bytes, before);
    step.access.expected = load_le(expected.data(), bytes);
}

void Iommu::count(HpmEvent event, const HpmSubject& subject) {
    if (subject.requester.debug || !params_.has(caps::HPM)) return;
    if (hpm_count(registers, params_, event, subject)) outputs.raise(Interrupt::hpm, registers);
}

void Iommu::invalidate(const Invalidation& invalidation) {
    ++epoch_;
    // A process context's invalidation leaves the device's.
    const bool of_process = invalidation.code == command_code(Opcode::IODIR, cmd::INVAL_PDT);
    if (!of_process) ddt_cache.invalidate(invalidation);
    pdt_cache.invalidate(invalidation);
    tlb.invalidate(invalidation);
    gpa_cache.invalidate(invalidation);
    for (WalkCache& cache : walk_s1) cache.invalidate(invalidation);
    for (WalkCache& cache : walk_s2) cache.invalidate(invalidation);
    tell(invalidation);
}

std::vector<std::uint64_t> Iommu::counter_values() const {
    const RiscvCounters& c = counters;
    return {c.translations,   c.faults,        c.config_reads, c.config_misses,  c.tlb_misses,
            c.walks,          c.walk_reads,    c.updates,      c.msis,           c.ats_requests,
            c.ats_translated, outputs.written, outputs.lost,   outputs.requests, outputs.messages};
}

CacheCounters Iommu::structure_counters(std::size_t row) const {
    const StructureSpec& structure = spec().structures[row];
    switch (structure.kind) {
        case Structure::config_cache:
            return structure.level == 0 ? ddt_cache.counters() : pdt_cache.counters();
        case Structure::tlb:
            return tlb.counters();
        case Structure::ipa_cache:
            return gpa_cache.counters();
        case Structure::walk_cache:
            return (structure.stage == 1 ? walk_s1 : walk_s2)[structure.level].counters();
    }
    return {};
}

}  // namespace xlate::iommu::riscv
