#include "iommu/riscv/registers.hpp"

#include <utility>

namespace xlate::iommu::riscv {

namespace {

constexpr RegRow row(std::string_view name, std::uint32_t offset, std::uint8_t size, Access access,
                     std::uint16_t count = 1, std::uint16_t stride = 8) {
    return {{name, offset, size, access, 0, "RISC-V IOMMU ch. 6"}, count, stride};
}

constexpr std::array kRows{
    row("capabilities", reg::CAPABILITIES, 8, Access::ro),
    row("fctl", reg::FCTL, 4, Access::rw),
    row("ddtp", reg::DDTP, 8, Access::rw),
    row("cqb", reg::CQB, 8, Access::rw),
    row("cqh", reg::CQH, 4, Access::ro),
    row("cqt", reg::CQT, 4, Access::rw),
    row("fqb", reg::FQB, 8, Access::rw),
    row("fqh", reg::FQH, 4, Access::rw),
    row("fqt", reg::FQT, 4, Access::ro),
    row("pqb", reg::PQB, 8, Access::rw),
    row("pqh", reg::PQH, 4, Access::rw),
    row("pqt", reg::PQT, 4, Access::ro),
    row("cqcsr", reg::CQCSR, 4, Access::rw),
    row("fqcsr", reg::FQCSR, 4, Access::rw),
    row("pqcsr", reg::PQCSR, 4, Access::rw),
    row("ipsr", reg::IPSR, 4, Access::w1c),
    row("iocntovf", reg::IOCNTOVF, 4, Access::ro),
    row("iocntinh", reg::IOCNTINH, 4, Access::rw),
    row("iohpmcycles", reg::IOHPMCYCLES, 8, Access::rw),
    row("iohpmctr", reg::IOHPMCTR1, 8, Access::rw, kHpmCounters),
    row("iohpmevt", reg::IOHPMEVT1, 8, Access::rw, kHpmCounters),
    row("tr_req_iova", reg::TR_REQ_IOVA, 8, Access::rw),
    row("tr_req_ctl", reg::TR_REQ_CTL, 8, Access::rw),
    row("tr_response", reg::TR_RESPONSE, 8, Access::ro),
    row("iommu_qosid", reg::IOMMU_QOSID, 4, Access::rw),
    row("icvec", reg::ICVEC, 8, Access::rw),
    row("msi_addr", reg::MSI_CFG_TBL, 8, Access::rw, kVectors, 16),
    row("msi_data", reg::MSI_CFG_TBL + 8, 4, Access::rw, kVectors, 16),
    row("msi_vec_ctl", reg::MSI_CFG_TBL + 12, 4, Access::rw, kVectors, 16),
};

constexpr std::uint32_t kHpmCtrEnd = reg::IOHPMCTR1 + 8 * kHpmCounters;
constexpr std::uint32_t kHpmEvtEnd = reg::IOHPMEVT1 + 8 * kHpmCounters;
constexpr std::uint32_t kMsiEnd = reg::MSI_CFG_TBL + 16 * kVectors;

}  // namespace

Span<RegRow> register_rows() { return {kRows.data(), kRows.size()}; }

const RegRow* find_row(std::uint32_t offset) {
    for (const RegRow& row : kRows) {
        if (offset < row.first.offset) continue;
        const std::uint32_t from = offset - row.first.offset;
        if (from / row.stride < row.count && from % row.stride < row.first.size) return &row;
    }
    return nullptr;
}

std::uint32_t Queue::csr() const {
    return static_cast<std::uint32_t>(queue_csr::EN.of(enabled ? 1 : 0) | queue_csr::IE.of(interrupts ? 1 : 0) |
                                      queue_csr::ON.of(on ? 1 : 0) | queue_csr::BUSY.of(busy() ? 1 : 0)) |
           errors;
}

void Registers::reset() {
    RiscvParams params = params_;
    *this = Registers();
    params_ = std::move(params);
    fctl = static_cast<std::uint32_t>(fctl::BE.of(params_.big_endian ? 1 : 0) | fctl::WSI.of(params_.wired ? 1 : 0));
}

std::uint32_t Registers::iocntovf() const {
    std::uint32_t bits = iohpmcycles::OF.test(iohpmcycles) ? 1 : 0;
    for (unsigned i = 0; i < params_.hpm_counters; ++i) {
        if (iohpmevt::OF.test(iohpmevt[i])) bits |= std::uint32_t{2} << i;
    }
    return bits;
}

std::uint64_t Registers::read(std::uint32_t offset) const {
    if (offset >= reg::IOHPMCTR1 && offset < kHpmCtrEnd) return iohpmctr[(offset - reg::IOHPMCTR1) / 8];
    if (offset >= reg::IOHPMEVT1 && offset < kHpmEvtEnd) return iohpmevt[(offset - reg::IOHPMEVT1) / 8];
    if (offset >= reg::MSI_CFG_TBL && offset < kMsiEnd) {
        const MsiVector& vector = msi[(offset - reg::MSI_CFG_TBL) / 16];
        const std::uint32_t part = offset % 16;
        return part == 0 ? vector.address : part == 8 ? vector.data : std::uint64_t{vector.masked};
    }
    switch (offset) {
        case reg::CAPABILITIES:
            return params_.capabilities;
        case reg::FCTL:
            return fctl;
        case reg::DDTP:
            return ddtp_busy ? ddtp_next | ddtp::BUSY.of(1) : ddtp;
        case reg::CQB:
            return cq.base;
        case reg::CQH:
            return cq.head;
        case reg::CQT:
            return cq.tail;
        case reg::FQB:
            return fq.base;
        case reg::FQH:
            return fq.head;
        case reg::FQT:
            return fq.tail;
        case reg::PQB:
            return pq.base;
        case reg::PQH:
            return pq.head;
        case reg::PQT:
            return pq.tail;
        case reg::CQCSR:
            return cq.csr();
        case reg::FQCSR:
            return fq.csr();
        case reg::PQCSR:
            return pq.csr();
        case reg::IPSR:
            return ipsr;
        case reg::IOCNTOVF:
            return iocntovf();
        case reg::IOCNTINH:
            return iocntinh;
        case reg::IOHPMCYCLES:
            return iohpmcycles;
        case reg::TR_REQ_IOVA:
            return tr_req_iova;
        case reg::TR_REQ_CTL:
            return tr_req_ctl;
        case reg::TR_RESPONSE:
            return tr_response;
        case reg::IOMMU_QOSID:
            return qosid;
        case reg::ICVEC:
            return icvec;
        default:
            return 0;
    }
}

bool Registers::write_hpm(std::uint32_t offset, std::uint64_t value) {
    const std::uint64_t counter = low_mask(params_.hpm_bits);
    if (offset == reg::IOCNTINH || offset == reg::IOHPMCYCLES) {
        if (!params_.has(caps::HPM)) return true;
        if (offset == reg::IOCNTINH) {
            iocntinh = static_cast<std::uint32_t>(value & low_mask(params_.hpm_counters + 1U));
        } else {
            iohpmcycles = value & (iohpmcycles::OF.mask() | (iohpmcycles::COUNTER.mask() & counter));
        }
        return true;
    }
    const bool is_counter = offset >= reg::IOHPMCTR1 && offset < kHpmCtrEnd;
    if (!is_counter && !(offset >= reg::IOHPMEVT1 && offset < kHpmEvtEnd)) return false;
    const unsigned index = (offset - (is_counter ? reg::IOHPMCTR1 : reg::IOHPMEVT1)) / 8;
    if (!params_.has(caps::HPM) || index >= params_.hpm_counters) return true;
    if (is_counter) {
        iohpmctr[index] = value & counter;
    } else {
        iohpmevt[index] = value;
    }
    return true;
}

/// Entries beyond what icvec can name are read-only 0, all of them without MSIs.
bool Registers::write_msi(std::uint32_t offset, std::uint64_t value) {
    if (offset < reg::MSI_CFG_TBL || offset >= kMsiEnd) return false;
    const unsigned index = (offset - reg::MSI_CFG_TBL) / 16;
    if (caps::IGS.get(params_.capabilities) == caps::IGS_WSI || index >= 1U << params_.vector_bits) return true;
    MsiVector& vector = msi[index];
    switch (offset % 16) {
        case 0:
            vector.address = value & low_mask(params_.physical_bits()) & ~low_mask(2);
            break;
        case 8:
            vector.data = static_cast<std::uint32_t>(value);
            break;
        default:
            vector.masked = msi_ctl::M.test(value);
    }
    return true;
}

bool Registers::write_plain(std::uint32_t offset, std::uint64_t value) {
    const auto indexed = [&](Queue& queue) { return static_cast<std::uint32_t>(value) & queue.mask(); };
    const auto set_base = [&](Queue& queue) {
        if (!queue.on && !queue.busy()) queue.base = value & (queue_base::LOG2SZ.mask() | params_.ppn_mask());
    };
    switch (offset) {
        case reg::CQB:
            set_base(cq);
            return true;
        case reg::CQT:
            cq.tail = indexed(cq);
            return true;
        case reg::FQB:
            set_base(fq);
            return true;
        case reg::FQH:
            fq.head = indexed(fq);
            return true;
        case reg::PQB:
            if (params_.has(caps::ATS)) set_base(pq);
            return true;
        case reg::PQH:
            if (params_.has(caps::ATS)) pq.head = indexed(pq);
            return true;
        case reg::TR_REQ_IOVA:
            if (params_.has(caps::DBG) && !tr_req_ctl::GO_BUSY.test(tr_req_ctl)) tr_req_iova = value & ~low_mask(12);
            return true;
        case reg::IOMMU_QOSID:
            if (params_.has(caps::QOSID)) qosid = static_cast<std::uint32_t>(value & 0x0FFF0FFF);
            return true;
        case reg::ICVEC: {
            icvec = 0;
            for (const Field field : {icvec::CIV, icvec::FIV, icvec::PMIV, icvec::PIV}) {
                if (field.lsb == icvec::PMIV.lsb && !params_.has(caps::HPM)) continue;
                if (field.lsb == icvec::PIV.lsb && !params_.has(caps::ATS)) continue;
                icvec |= field.of(field.get(value) & low_mask(params_.vector_bits));
            }
            return true;
        }
        default:
            return write_hpm(offset, value) || write_msi(offset, value);
    }
}

}  // namespace xlate::iommu::riscv
