#include "iommu/amd/registers.hpp"

#include <array>
#include <utility>

namespace xlate::iommu::amd {

namespace {

constexpr RegSpec row(std::string_view name, std::uint32_t offset, std::uint8_t size = 8, Access access = Access::rw) {
    return {name, offset, size, access, 0, "iommu-hardware.md 4"};
}

constexpr std::array kRows{
    row("Device Table Base Address", reg::DEVTAB),
    row("Command Buffer Base Address", reg::CMDBUF),
    row("Event Log Base Address", reg::EVTLOG),
    row("Control", reg::CONTROL),
    row("Exclusion Base", reg::EXCL_BASE),
    row("Exclusion Range Limit", reg::EXCL_LIMIT),
    row("Extended Feature", reg::EXT_FEAT, 8, Access::ro),
    row("PPR Log Base Address", reg::PPRLOG),
    row("Guest Virtual APIC Log Base Address", reg::GALOG),
    row("Guest Virtual APIC Log Tail Address", reg::GALOG_TAIL),
    row("MSI Capability Header", reg::MSI_CAP, 4),
    row("MSI Address Low", reg::MSI_ADDR_LO, 4),
    row("MSI Address High", reg::MSI_ADDR_HI, 4),
    row("MSI Data", reg::MSI_DATA, 4),
    row("XT General Interrupt Control", reg::XT_EVT),
    row("XT PPR Interrupt Control", reg::XT_PPR),
    row("XT GA Log Interrupt Control", reg::XT_GA),
    row("Extended Feature 2", reg::EXT_FEAT2, 8, Access::ro),
    row("Command Buffer Head Pointer", reg::CMD_HEAD),
    row("Command Buffer Tail Pointer", reg::CMD_TAIL),
    row("Event Log Head Pointer", reg::EVT_HEAD),
    row("Event Log Tail Pointer", reg::EVT_TAIL),
    row("Status", reg::STATUS, 8, Access::w1c),
    row("PPR Log Head Pointer", reg::PPR_HEAD),
    row("PPR Log Tail Pointer", reg::PPR_TAIL),
    row("GA Log Head Pointer", reg::GA_HEAD),
    row("GA Log Tail Pointer", reg::GA_TAIL),
};
static_assert(sorted_and_disjoint(kRows));

constexpr std::uint64_t kRingBits = ring::BASE.mask() | ring::LENGTH.mask();

}  // namespace

Span<RegSpec> register_rows() { return {kRows.data(), kRows.size()}; }

void Registers::reset() {
    AmdParams params = params_;
    *this = Registers();
    params_ = std::move(params);
}

bool Registers::excluded(std::uint64_t address) const {
    return excl::EN.test(excl_base) && address >= (excl_base & excl::ADDRESS.mask()) &&
           address <= ((excl_limit & excl::ADDRESS.mask()) | low_mask(kPageBits));
}

std::uint64_t Registers::read(std::uint32_t offset) const {
    switch (offset) {
        case reg::DEVTAB:
            return devtab;
        case reg::CMDBUF:
            return commands.base;
        case reg::EVTLOG:
            return events.base;
        case reg::CONTROL:
            return control;
        case reg::EXCL_BASE:
            return excl_base;
        case reg::EXCL_LIMIT:
            return excl_limit;
        case reg::EXT_FEAT:
            return params_.ext_feat;
        case reg::PPRLOG:
            return pprs.base;
        case reg::GALOG:
            return galog;
        case reg::GALOG_TAIL:
            return galog_tail;
        case reg::MSI_CAP:
            return msi_cap;
        case reg::MSI_ADDR_LO:
            return msi_addr_lo;
        case reg::MSI_ADDR_HI:
            return msi_addr_hi;
        case reg::MSI_DATA:
            return msi_data;
        case reg::XT_EVT:
            return xt_evt;
        case reg::XT_PPR:
            return xt_ppr;
        case reg::XT_GA:
            return xt_ga;
        case reg::EXT_FEAT2:
            return params_.ext_feat2;
        case reg::CMD_HEAD:
            return commands.head;
        case reg::CMD_TAIL:
            return commands.tail;
        case reg::EVT_HEAD:
            return events.head;
        case reg::EVT_TAIL:
            return events.tail;
        case reg::PPR_HEAD:
            return pprs.head;
        case reg::PPR_TAIL:
            return pprs.tail;
        case reg::GA_HEAD:
            return ga_head;
        case reg::GA_TAIL:
            return ga_tail;
        default:
            return 0;
    }
}

void Registers::write(std::uint32_t offset, std::uint64_t value) {
    const std::uint64_t pointer = value & ring::POINTER.mask();
    switch (offset) {
        case reg::DEVTAB:
            devtab = value & (devtab::SIZE.mask() | devtab::BASE.mask());
            return;
        case reg::CMDBUF:
            commands.base = value & kRingBits;
            return;
        case reg::EVTLOG:
            events.base = value & kRingBits;
            return;
        case reg::EXCL_BASE:
            excl_base = value & (excl::EN.mask() | excl::ALLOW.mask() | excl::ADDRESS.mask());
            return;
        case reg::EXCL_LIMIT:
            excl_limit = value & excl::ADDRESS.mask();
            return;
        case reg::PPRLOG:
            pprs.base = value & kRingBits;
            return;
        case reg::GALOG:
            galog = value & kRingBits;
            return;
        case reg::GALOG_TAIL:
            galog_tail = value & keep(value, 51, 3);
            return;
        case reg::MSI_CAP:
            msi_cap = static_cast<std::uint32_t>(value & msi_cap::ENABLE.mask());
            return;
        case reg::MSI_ADDR_LO:
            msi_addr_lo = static_cast<std::uint32_t>(value) & ~std::uint32_t{3};
            return;
        case reg::MSI_ADDR_HI:
            msi_addr_hi = static_cast<std::uint32_t>(value);
            return;
        case reg::MSI_DATA:
            msi_data = static_cast<std::uint32_t>(value) & 0xFFFF;
            return;
        case reg::XT_EVT:
            xt_evt = value;
            return;
        case reg::XT_PPR:
            xt_ppr = value;
            return;
        case reg::XT_GA:
            xt_ga = value;
            return;
        case reg::CMD_HEAD:
            commands.head = pointer;
            return;
        case reg::CMD_TAIL:
            commands.tail = pointer;
            return;
        case reg::EVT_HEAD:
            events.head = pointer;
            return;
        case reg::EVT_TAIL:
            events.tail = pointer;
            return;
        case reg::PPR_HEAD:
            pprs.head = pointer;
            return;
        case reg::PPR_TAIL:
            pprs.tail = pointer;
            return;
        case reg::GA_HEAD:
            ga_head = pointer;
            return;
        case reg::GA_TAIL:
            ga_tail = pointer;
            return;
        default:
            return;
    }
}

}  // namespace xlate::iommu::amd
