#include "iommu/dart/registers.hpp"

#include <array>

namespace xlate::iommu::dart {

namespace {

constexpr const char* kSource = "docs/spec/iommu-hardware.md 5";

constexpr RegRow row(std::string_view name, std::uint32_t offset, Access access, std::uint16_t count = 1) {
    return {RegSpec{name, offset, 4, access, 0, kSource}, count, 4};
}

constexpr std::array kT8020{
    row("PARAMS1", PARAMS1, Access::ro),
    row("PARAMS2", PARAMS2, Access::ro),
    row("STREAM_COMMAND", t8020::STREAM_COMMAND, Access::rw),
    row("STREAM_SELECT", t8020::STREAM_SELECT, Access::rw),
    row("ERROR", t8020::ERROR, Access::w1c),
    row("ERROR_ADDR_LO", t8020::ERROR_ADDR_LO, Access::ro),
    row("ERROR_ADDR_HI", t8020::ERROR_ADDR_HI, Access::ro),
    row("CONFIG", t8020::CONFIG, Access::rw),
    row("STREAMS_ENABLE", t8020::STREAMS_ENABLE, Access::rw),
    row("TCR", t8020::TCR0, Access::rw, t8020::kStreams),
    row("TTBR", t8020::TTBR0, Access::rw, t8020::kStreams* t8020::kTtbrs),
};
constexpr std::array kT8110{
    row("PARAMS1", PARAMS1, Access::ro),
    row("PARAMS2", PARAMS2, Access::ro),
    row("PARAMS3", t8110::PARAMS3, Access::ro),
    row("PARAMS4", t8110::PARAMS4, Access::ro),
    row("TLB_CMD", t8110::TLB_CMD, Access::rw),
    row("ERROR", t8110::ERROR, Access::w1c),
    row("ERROR_MASK", t8110::ERROR_MASK, Access::rw),
    row("ERROR_ADDR_LO", t8110::ERROR_ADDR_LO, Access::ro),
    row("ERROR_ADDR_HI", t8110::ERROR_ADDR_HI, Access::ro),
    row("ERROR_STREAMS", t8110::ERROR_STREAMS, Access::w1c, kMaxStreams / 32),
    row("PROTECT", t8110::PROTECT, Access::rw),
    row("UNPROTECT", t8110::UNPROTECT, Access::wo),
    row("PROTECT_LOCK", t8110::PROTECT_LOCK, Access::rw),
    row("ENABLE", t8110::ENABLE, Access::rw, kMaxStreams / 32),
    row("DISABLE", t8110::DISABLE, Access::wo, kMaxStreams / 32),
    row("TCR", t8110::TCR0, Access::rw, kMaxStreams),
    row("TTBR", t8110::TTBR0, Access::rw, kMaxStreams),
};

}  // namespace

Span<RegRow> register_rows(Generation generation) {
    if (generation == Generation::t8020) return {kT8020.data(), kT8020.size()};
    return {kT8110.data(), kT8110.size()};
}

const RegRow* find_row(Generation generation, std::uint32_t offset) {
    for (const RegRow& row : register_rows(generation)) {
        const std::uint32_t end = row.first.offset + std::uint32_t{row.count} * row.stride;
        if (offset >= row.first.offset && offset < end) return &row;
    }
    return nullptr;
}

Registers::Registers(const DartParams& params) : params_(params), words_(kRegisterBytes / 4) { reset(); }

void Registers::reset() {
    words_.assign(words_.size(), 0);
    set(PARAMS1, static_cast<std::uint32_t>(params1::PAGE_SHIFT.of(params_.page_log2)));
    set(PARAMS2, static_cast<std::uint32_t>(params2::BYPASS_SUPPORT.of(params_.bypass_support ? 1 : 0)));
    if (params_.generation == Generation::t8020) {
        set(t8020::CONFIG, static_cast<std::uint32_t>(t8020::config::LOCK.of(params_.locked ? 1 : 0)));
        return;
    }
    set(t8110::PARAMS3,
        static_cast<std::uint32_t>(t8110::params3::VA_WIDTH.of(params_.va_width) |
                                   t8110::params3::PA_WIDTH.of(params_.pa_width) | t8110::params3::VER_MAJ.of(1)));
    set(t8110::PARAMS4, static_cast<std::uint32_t>(t8110::params4::NUM_SIDS.of(params_.streams)));
    set(t8110::PROTECT, static_cast<std::uint32_t>(t8110::protect::TTBR_TCR.of(params_.locked ? 1 : 0)));
}

std::uint32_t Registers::tcr(unsigned stream) const {
    return get(params_.generation == Generation::t8020 ? t8020::tcr_offset(stream) : t8110::tcr_offset(stream));
}

std::uint32_t Registers::ttbr(unsigned stream, unsigned index) const {
    return get(params_.generation == Generation::t8020 ? t8020::ttbr_offset(stream, index)
                                                       : t8110::ttbr_offset(stream));
}

bool Registers::stream_enabled(unsigned stream) const {
    const std::uint32_t word =
        params_.generation == Generation::t8020 ? get(t8020::STREAMS_ENABLE) : get(t8110::ENABLE + stream / 32 * 4);
    return (word >> (stream % 32) & 1) != 0;
}

bool Registers::locked() const {
    return params_.generation == Generation::t8020 ? t8020::config::LOCK.test(get(t8020::CONFIG))
                                                   : t8110::protect::TTBR_TCR.test(get(t8110::PROTECT));
}

}  // namespace xlate::iommu::dart
