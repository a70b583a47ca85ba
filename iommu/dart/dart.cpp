#include "iommu/dart/dart.hpp"

#include "base/error.hpp"
#include "iommu/dart/translation.hpp"

namespace xlate::iommu::dart {

DartParams t8103_dart() { return {}; }

DartParams t6000_dart() {
    DartParams params;
    params.words = dart_table::Words::dart2;
    return params;
}

DartParams t8110_dart() {
    DartParams params;
    params.generation = Generation::t8110;
    params.words = dart_table::Words::dart2;
    params.streams = 64;
    return params;
}

Dart::Dart(const DartParams& params)
    : registers(params),
      tlb({params.tlb, TlbTagging::address_space, 0}, params.seed, params.name + ".tlb"),
      params_(params) {
    const bool sized = params.generation == Generation::t8020 ? params.streams == t8020::kStreams
                                                              : params.streams >= 1 && params.streams <= kMaxStreams;
    XLATE_CHECK(sized && (params.page_log2 == 12 || params.page_log2 == 14), params.name);
    for (unsigned above = 1; above <= 2; ++above) {
        walk.emplace_back(params.walk, params.seed, params.name + ".walk" + std::to_string(above));
    }
    translates_ = true;  // a stream that is not set up is blocked: there is no switch for all
}

void Dart::reset() {
    registers.reset();
    error_ = {};
    busy_ = draining_ = level_ = pulse_ = false;
    invalidate_stream(std::nullopt);
    counters.invalidations = 0;
}

std::uint64_t Dart::register_bytes(unsigned) const { return kRegisterBytes; }

std::uint64_t Dart::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || offset + size > kRegisterBytes || offset % 4 != 0) return 0;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size / 4; ++i) {
        const auto at = static_cast<std::uint32_t>(offset + 4 * i);
        const RegRow* row = find_row(params_.generation, at);
        if (row != nullptr && row->first.access != Access::wo) value |= std::uint64_t{registers.get(at)} << (32 * i);
    }
    return value;
}

void Dart::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || offset + size > kRegisterBytes || offset % 4 != 0) return;
    for (unsigned i = 0; i < size / 4; ++i) {
        write_word(static_cast<std::uint32_t>(offset + 4 * i), static_cast<std::uint32_t>(value >> (32 * i)));
    }
}

/// TCR is looked at before the TLB: what ports keep of the stream is no answer any more. The TLB itself waits for
/// software to invalidate.
void Dart::stream_changed(std::uint32_t stream) {
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::configuration;
    invalidation.stream = stream;
    invalidation.stream_mask = ~std::uint64_t{0};
    ++epoch_;
    tell(invalidation);
}

bool Dart::is_locked_register(std::uint32_t offset) const {
    const RegRow* row = find_row(params_.generation, offset);
    return row->first.name == "TCR" || row->first.name == "TTBR";
}

void Dart::write_word(std::uint32_t offset, std::uint32_t value) {
    const RegRow* row = find_row(params_.generation, offset);
    if (row == nullptr || row->first.access == Access::ro) return;
    if (registers.locked() && is_locked_register(offset)) return;
    if (row->first.name == "TCR" && registers.get(offset) != value) stream_changed((offset - row->first.offset) / 4);
    if (params_.generation == Generation::t8020) {
        write_t8020(offset, value);
    } else {
        write_t8110(offset, value);
    }
}

void Dart::write_t8020(std::uint32_t offset, std::uint32_t value) {
    switch (offset) {
        case t8020::STREAM_COMMAND:
            registers.set(offset, value & ~static_cast<std::uint32_t>(t8020::command::BUSY.mask()));
            if (!t8020::command::INVALIDATE.test(value)) return;
            for (unsigned stream = 0; stream < t8020::kStreams; ++stream) {
                if ((registers.get(t8020::STREAM_SELECT) >> stream & 1) != 0) invalidate_stream(stream);
            }
            busy_ = true;
            draining_ = false;
            registers.set(offset, value | static_cast<std::uint32_t>(t8020::command::BUSY.mask()));
            return;
        case t8020::ERROR:
            if (t8020::error::FLAG.test(value)) error_.flag = false;
            show_error();
            return;
        case t8020::CONFIG:
            // A lock stays until reset.
            registers.set(offset,
                          value | (registers.get(offset) & static_cast<std::uint32_t>(t8020::config::LOCK.mask())));
            return;
        default:
            registers.set(offset, value);
    }
}

void Dart::write_t8110(std::uint32_t offset, std::uint32_t value) {
    using namespace t8110;
    if (offset >= DISABLE && offset < DISABLE + kMaxStreams / 8) {
        const std::uint32_t enable = offset - DISABLE + ENABLE;
        registers.set(enable, registers.get(enable) & ~value);
        return;
    }
    if (offset >= ENABLE && offset < ENABLE + kMaxStreams / 8) {
        registers.set(offset, registers.get(offset) | value);
        return;
    }
    if (offset >= ERROR_STREAMS && offset < ERROR_STREAMS + kMaxStreams / 8) {
        registers.set(offset, registers.get(offset) & ~value);
        return;
    }
    switch (offset) {
        case TLB_CMD: {
            const auto op = static_cast<std::uint32_t>(command::OP.get(value));
            registers.set(offset, value & ~static_cast<std::uint32_t>(command::BUSY.mask()));
            if (op > command::OP_STREAM) return;
            invalidate_stream(op == command::OP_ALL
                                  ? std::nullopt
                                  : std::optional(static_cast<std::uint32_t>(command::STREAM.get(value))));
            busy_ = true;
            draining_ = false;
            registers.set(offset, value | static_cast<std::uint32_t>(command::BUSY.mask()));
            return;
        }
        case ERROR:
            if (error::FLAG.test(value)) error_.flag = false;
            show_error();
            return;
        case ERROR_MASK:
            registers.set(offset, value);
            update_wire();
            return;
        case UNPROTECT:
            if (registers.get(PROTECT_LOCK) == 0) registers.set(PROTECT, registers.get(PROTECT) & ~value);
            return;
        case PROTECT:
            if (registers.get(PROTECT_LOCK) == 0) registers.set(PROTECT, registers.get(PROTECT) | value);
            return;
        default:
            registers.set(offset, value);
    }
}

void Dart::invalidate_stream(std::optional<std::uint32_t> stream) {
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    if (stream) {
        invalidation.space = invalidation.stream = *stream;
        invalidation.space_mask = invalidation.global_mask = ~std::uint64_t{0};
        invalidation.stream_mask = ~std::uint64_t{0};
    }
    ++counters.invalidations;
    apply(invalidation);
}

void Dart::apply(const Invalidation& invalidation) {
    ++epoch_;
    tlb.invalidate(invalidation);
    for (WalkCache& cache : walk) cache.invalidate(invalidation);
    tell(invalidation);
}

std::unique_ptr<TranslationSlot> Dart::make_translation() { return std::make_unique<Translation>(*this); }

bool Dart::machine_pending(unsigned index) const { return index == 0 && busy_; }

/// The effect came with the register write: what is left is to wait for older translations.
const Step& Dart::step_machine(unsigned, const Reply&) {
    machine_step_ = {};
    if (!busy_) return machine_step_;
    if (!draining_) {
        draining_ = true;
        machine_step_.kind = StepKind::sync;
        return machine_step_;
    }
    busy_ = draining_ = false;
    const bool first = params_.generation == Generation::t8020;
    const std::uint32_t offset = first ? t8020::STREAM_COMMAND : t8110::TLB_CMD;
    const std::uint64_t mask = first ? t8020::command::BUSY.mask() : t8110::command::BUSY.mask();
    registers.set(offset, registers.get(offset) & ~static_cast<std::uint32_t>(mask));
    return machine_step_;
}

void Dart::record(FaultCode code, std::uint32_t stream, std::uint64_t address) {
    const std::uint32_t bits = error_code(code, params_.generation);
    if (bits == 0) return;
    if (params_.generation == Generation::t8110 && stream < kMaxStreams) {
        const std::uint32_t offset = t8110::ERROR_STREAMS + stream / 32 * 4;
        registers.set(offset, registers.get(offset) | std::uint32_t{1} << (stream % 32));
    }
    if (error_.flag) {
        ++counters.errors_lost;
        return;
    }
    error_ = {true, bits, stream, address};
    show_error();
}

void Dart::show_error() {
    const bool first = params_.generation == Generation::t8020;
    std::uint64_t word = 0;
    if (first) {
        word = t8020::error::FLAG.of(error_.flag ? 1 : 0) | t8020::error::CODE.of(error_.code) |
               t8020::error::STREAM.of(error_.stream);
    } else {
        word = t8110::error::FLAG.of(error_.flag ? 1 : 0) | t8110::error::CODE.of(error_.code) |
               t8110::error::STREAM.of(error_.stream);
    }
    registers.set(first ? t8020::ERROR : t8110::ERROR, error_.flag ? static_cast<std::uint32_t>(word) : 0);
    registers.set(first ? t8020::ERROR_ADDR_LO : t8110::ERROR_ADDR_LO, static_cast<std::uint32_t>(error_.address));
    registers.set(first ? t8020::ERROR_ADDR_HI : t8110::ERROR_ADDR_HI,
                  static_cast<std::uint32_t>(error_.address >> 32));
    update_wire();
}

bool Dart::wire_level() const {
    if (!error_.flag) return false;
    return params_.generation == Generation::t8020 || (error_.code & registers.get(t8110::ERROR_MASK)) == 0;
}

void Dart::update_wire() {
    const bool level = wire_level();
    if (level && !level_) pulse_ = true;
    level_ = level;
}

std::optional<unsigned> Dart::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

std::vector<std::uint64_t> Dart::counter_values() const {
    const DartCounters& c = counters;
    return {c.translations, c.bypassed,   c.faults,        c.blocked,    c.tlb_misses,
            c.walks,        c.walk_reads, c.invalidations, c.errors_lost};
}

CacheCounters Dart::structure_counters(std::size_t row) const {
    return row == 0 ? tlb.counters() : walk[row - 1].counters();
}

}  // namespace xlate::iommu::dart
