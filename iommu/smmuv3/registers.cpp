#include "iommu/smmuv3/registers.hpp"

#include "base/random.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

/// Page-0 addresses of the event and page-request queue pointers reach the page-1 registers.
std::uint32_t canonical_offset(std::uint32_t offset) {
    switch (offset) {
        case 0xA8:
        case 0xAC:
        case 0xC8:
        case 0xCC:
            return offset + kPage1;
        default:
            return offset;
    }
}

constexpr std::uint32_t kFlag31 = 0x80000000U;
constexpr std::uint32_t kPointerBits = 0x000FFFFFU;  ///< LOG2SIZE 19 and the wrap bit
constexpr std::uint32_t kGerrorBits = 0x1FD;

std::uint32_t low32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

Registers::Registers(const SmmuParams& params) { reset(params); }

void Registers::reset(const SmmuParams& params) {
    const Features& f = params.features;
    *this = Registers();
    id[0] =
        low32(idr0::S2P.of(f.s2p) | idr0::S1P.of(f.s1p) | idr0::TTF.of(f.ttf) | idr0::COHACC.of(f.cohacc) |
              idr0::BTM.of(f.btm) | idr0::HTTU.of(f.httu) | idr0::HYP.of(f.hyp) | idr0::ATS.of(f.ats) |
              idr0::NS1ATS.of(f.ns1ats) | idr0::ASID16.of(f.asid16) | idr0::MSI.of(f.msi) | idr0::SEV.of(f.sev) |
              idr0::ATOS.of(f.atos) | idr0::PRI.of(f.pri) | idr0::VMW.of(f.vmw) | idr0::VMID16.of(f.vmid16) |
              idr0::CD2L.of(f.cd2l) | idr0::TTENDIAN.of(f.ttendian) | idr0::ATSRECERR.of(f.atsrecerr) |
              idr0::STALL_MODEL.of(f.stall_model) | idr0::TERM_MODEL.of(f.term_model) | idr0::ST_LEVEL.of(f.st_level));
    id[1] = low32(idr1::SIDSIZE.of(f.sidsize) | idr1::SSIDSIZE.of(f.ssidsize) | idr1::PRIQS.of(f.priqs) |
                  idr1::EVENTQS.of(f.eventqs) | idr1::CMDQS.of(f.cmdqs) | idr1::ATTR_TYPES_OVR.of(f.attr_types_ovr) |
                  idr1::ATTR_PERMS_OVR.of(f.attr_perms_ovr) | idr1::ECMDQ.of(f.ecmdq));
    id[3] = low32(idr3::HAD.of(f.had) | idr3::XNX.of(f.xnx) | idr3::PPS.of(f.pps) | idr3::FWB.of(f.fwb) |
                  idr3::STT.of(f.stt) | idr3::RIL.of(f.ril) | idr3::BBML.of(f.bbml) | idr3::E0PD.of(f.e0pd));
    id[5] =
        low32(idr5::OAS.of(f.oas) | idr5::GRAN4K.of(f.gran4k) | idr5::GRAN16K.of(f.gran16k) |
              idr5::GRAN64K.of(f.gran64k) | idr5::DS.of(f.ds) | idr5::VAX.of(f.vax) | idr5::STALL_MAX.of(f.stall_max));
    if (f.ecmdq != 0) {
        idr6 = low32(idr6::CMDQ_CONTROL_PAGE_LOG2NUMQ.of(f.ecmdq_log2numq) |
                     idr6::CMDQ_CONTROL_PAGE_LOG2NUMP.of(f.ecmdq_log2nump));
    }
    ecmdqs.resize(ecmdq_count(f));
    for (EcmdqRegisters& queue : ecmdqs) queue.max_log2 = f.cmdqs;
    ecmdq_shift_ = log2_floor(kControlPageBytes) - f.ecmdq_log2numq;
    gerror_implemented_ = kGerrorBits | low32(f.ecmdq != 0 ? gerror::CMDQP_ERR.mask() : 0);
    id[6] = f.iidr;
    id[7] = f.aidr;
    cmdq.max_log2 = f.cmdqs;
    eventq.max_log2 = f.eventqs;
    priq.max_log2 = f.priqs;
    hyp_ = f.hyp != 0;
    btm_ = f.btm != 0;
    atsrecerr_ = f.atsrecerr != 0;
    msi_ = f.msi != 0;
    pri_ = f.pri != 0;
    atos_ = f.atos != 0;
    cr0_implemented_ =
        low32(cr0::SMMUEN.mask() | cr0::EVENTQEN.mask() | cr0::CMDQEN.mask() | (pri_ ? cr0::PRIQEN.mask() : 0) |
              (f.ats != 0 ? cr0::ATSCHK.mask() : 0) | (f.vmw != 0 && f.s2p != 0 ? cr0::VMW.mask() : 0));
    irq_ctrl_implemented_ =
        low32(irq_ctrl::GERROR_IRQEN.mask() | irq_ctrl::EVENTQ_IRQEN.mask() | (pri_ ? irq_ctrl::PRIQ_IRQEN.mask() : 0));
    gbpa = gbpa_effective = params.gbpa_reset & ~low32(gbpa::UPDATE.mask());
    for (std::size_t row = 0; row < kRegisters.size(); ++row) stored[row] = kRegisters[row].reset;
    if (params.randomize_unknown_resets) {
        Rng rng(params.seed, params.name + ".registers");
        for (std::uint64_t* word : {&strtab_base, &cmdq.base, &eventq.base, &priq.base}) {
            *word = rng.next() & low_mask(52);
        }
        for (std::uint32_t* word :
             {&strtab_base_cfg, &cmdq.prod, &cmdq.cons, &eventq.prod, &eventq.cons, &priq.prod, &priq.cons, &cr1}) {
            *word = low32(rng.next()) & kPointerBits;
        }
    }
}

std::uint64_t Registers::read(std::uint32_t offset, unsigned size) const {
    if ((size != 4 && size != 8) || offset % size != 0) return 0;
    offset = canonical_offset(offset);
    if (offset >= kControlPages) return read_ecmdq(offset, size);
    const RegSpec* row = find_register(kRegisters, offset);
    if (row == nullptr) return read_control_page(offset, size).value_or(0);
    if (size > row->size) return 0;
    const std::uint64_t whole = read_whole(*row);
    return size == row->size ? whole : (whole >> (offset == row->offset ? 0 : 32)) & low_mask(32);
}

void Registers::write(std::uint32_t offset, unsigned size, std::uint64_t value) {
    if ((size != 4 && size != 8) || offset % size != 0) return;
    offset = canonical_offset(offset);
    if (offset >= kControlPages) return write_ecmdq(offset, size, value);
    const RegSpec* row = find_register(kRegisters, offset);
    // Without secure state (S_IDR1.SECURE_IMPL is 0) the secure page reads zero and ignores writes.
    const bool secure = offset >= kSecureOffset && offset < kPage1;
    if (row == nullptr || size > row->size || row->access == Access::ro || secure) {
        ++ignored_writes;
        return;
    }
    if (size == 4) value &= low_mask(32);
    std::uint64_t whole = value;
    if (size < row->size) {
        const Field half{offset == row->offset ? 0U : 32U, 32};
        whole = half.set(read_whole(*row), value);
    }
    write_whole(*row, whole);
}

std::uint64_t Registers::read_whole(const RegSpec& row) const {
    const auto pointer = [](const QueueRegisters& queue, std::uint32_t value, std::uint32_t flags) {
        return std::uint64_t{value & (queue.mask() | flags)};
    };
    switch (row.offset) {
        case reg::IDR0:
        case reg::IDR1:
        case reg::IDR2:
        case reg::IDR3:
        case reg::IDR4:
        case reg::IDR5:
        case reg::IIDR:
        case reg::AIDR:
            return id[row.offset / 4];
        case reg::IDR6:
            return idr6;
        case reg::CR0:
            return cr0;
        case reg::CR0ACK:
            return cr0ack;
        case reg::CR1:
            return cr1;
        case reg::CR2:
            return cr2;
        case reg::GBPA:
            return gbpa;
        case reg::IRQ_CTRL:
            return irq_ctrl;
        case reg::IRQ_CTRLACK:
            return irq_ctrlack;
        case reg::GERROR:
            return gerror;
        case reg::GERRORN:
            return gerrorn;
        case reg::GERROR_IRQ_CFG0:
            return gerror_irq.address;
        case reg::GERROR_IRQ_CFG1:
            return gerror_irq.data;
        case reg::GERROR_IRQ_CFG2:
            return gerror_irq.attributes;
        case reg::EVENTQ_IRQ_CFG0:
            return eventq_irq.address;
        case reg::EVENTQ_IRQ_CFG1:
            return eventq_irq.data;
        case reg::EVENTQ_IRQ_CFG2:
            return eventq_irq.attributes;
        case reg::PRIQ_IRQ_CFG0:
            return priq_irq.address;
        case reg::PRIQ_IRQ_CFG1:
            return priq_irq.data;
        case reg::PRIQ_IRQ_CFG2:
            return priq_irq.attributes;
        case reg::STRTAB_BASE:
            return strtab_base;
        case reg::STRTAB_BASE_CFG:
            return strtab_base_cfg;
        case reg::CMDQ_BASE:
            return cmdq.base;
        case reg::CMDQ_PROD:
            return pointer(cmdq, cmdq.prod, 0);
        case reg::CMDQ_CONS:
            return pointer(cmdq, cmdq.cons, low32(cmdq_cons::ERR.mask()));
        case reg::EVENTQ_BASE:
            return eventq.base;
        case reg::EVENTQ_PROD:
            return pointer(eventq, eventq.prod, kFlag31);
        case reg::EVENTQ_CONS:
            return pointer(eventq, eventq.cons, kFlag31);
        case reg::PRIQ_BASE:
            return priq.base;
        case reg::PRIQ_PROD:
            return pointer(priq, priq.prod, kFlag31);
        case reg::PRIQ_CONS:
            return pointer(priq, priq.cons, kFlag31);
        case reg::GATOS_CTRL:
            return gatos_ctrl;
        case reg::GATOS_SID:
            return gatos_sid;
        case reg::GATOS_ADDR:
            return gatos_addr;
        case reg::GATOS_PAR:
            return gatos_par;
        default:
            return stored[static_cast<std::size_t>(&row - kRegisters.data())];
    }
}

void Registers::write_whole(const RegSpec& row, std::uint64_t value) {
    const std::uint32_t word = low32(value);
    // Off means off in the register and in its acknowledgement.
    const auto off = [this](std::uint64_t mask) { return ((cr0 | cr0ack) & mask) == 0; };
    const auto allow = [this](bool allowed) {
        if (!allowed) ++ignored_writes;
        return allowed;
    };
    const bool smmu_off = off(cr0::SMMUEN.mask());
    const auto write_irq = [&](IrqConfig& config, Field enable, std::uint32_t part) {
        if (!allow(msi_ && ((irq_ctrl | irq_ctrlack) & enable.mask()) == 0)) return;
        if (part == 0) config.address = keep(value, 51, 2);
        if (part == 1) config.data = word;
        if (part == 2) config.attributes = word & (&config == &priq_irq ? 0x8000003FU : 0x3FU);
    };
    const auto write_base = [&](QueueRegisters& queue, Field enable) {
        if (allow(off(enable.mask()))) queue.base = value & (queue_base::RA.mask() | low_mask(52));
    };

    switch (row.offset) {
        case reg::CR0: {
            // A field whose earlier change is not acknowledged keeps it.
            std::uint32_t pending = cr0 ^ cr0ack;
            if ((pending & cr0::VMW.mask()) != 0) pending |= low32(cr0::VMW.mask());
            cr0 = (cr0 & pending) | (word & cr0_implemented_ & ~pending);
            return;
        }
        case reg::CR1: {
            std::uint32_t writable = 0;
            if (smmu_off) writable |= 0xFC0;
            if (off(cr0::CMDQEN.mask() | cr0::EVENTQEN.mask() | cr0::PRIQEN.mask()) && !any_ecmdq_on())
                writable |= 0x3F;
            allow(writable == 0xFFF);
            cr1 = (cr1 & ~writable) | (word & writable);
            return;
        }
        case reg::CR2:
            if (allow(smmu_off)) {
                cr2 = word & low32((hyp_ ? cr2::E2H.mask() : 0) | cr2::RECINVSID.mask() | (btm_ ? cr2::PTM.mask() : 0) |
                                   (atsrecerr_ ? cr2::REC_CFG_ATS.mask() : 0));
            }
            return;
        case reg::GBPA:
            if (allow(gbpa::UPDATE.test(word) && !gbpa::UPDATE.test(gbpa))) gbpa = word & 0x801F3F1FU;
            return;
        case reg::IRQ_CTRL: {
            const std::uint32_t pending = irq_ctrl ^ irq_ctrlack;
            irq_ctrl = (irq_ctrl & pending) | (word & irq_ctrl_implemented_ & ~pending);
            return;
        }
        case reg::GERRORN:
            gerrorn = word & gerror_implemented_;
            return;
        case reg::GERROR_IRQ_CFG0:
            return write_irq(gerror_irq, irq_ctrl::GERROR_IRQEN, 0);
        case reg::GERROR_IRQ_CFG1:
            return write_irq(gerror_irq, irq_ctrl::GERROR_IRQEN, 1);
        case reg::GERROR_IRQ_CFG2:
            return write_irq(gerror_irq, irq_ctrl::GERROR_IRQEN, 2);
        case reg::EVENTQ_IRQ_CFG0:
            return write_irq(eventq_irq, irq_ctrl::EVENTQ_IRQEN, 0);
        case reg::EVENTQ_IRQ_CFG1:
            return write_irq(eventq_irq, irq_ctrl::EVENTQ_IRQEN, 1);
        case reg::EVENTQ_IRQ_CFG2:
            return write_irq(eventq_irq, irq_ctrl::EVENTQ_IRQEN, 2);
        case reg::PRIQ_IRQ_CFG0:
        case reg::PRIQ_IRQ_CFG1:
        case reg::PRIQ_IRQ_CFG2:
            // CFG2 has the LO bit, which wired interrupts heed too.
            if (row.offset == reg::PRIQ_IRQ_CFG2 && pri_ && !msi_) {
                if (allow(((irq_ctrl | irq_ctrlack) & irq_ctrl::PRIQ_IRQEN.mask()) == 0)) {
                    priq_irq.attributes = word & low32(irq_cfg::PRIQ_LO.mask());
                }
                return;
            }
            if (allow(pri_)) {
                write_irq(priq_irq, irq_ctrl::PRIQ_IRQEN,
                          row.offset == reg::PRIQ_IRQ_CFG0   ? 0
                          : row.offset == reg::PRIQ_IRQ_CFG1 ? 1
                                                             : 2);
            }
            return;
        case reg::STRTAB_BASE:
            if (allow(smmu_off)) strtab_base = value & (strtab_base::RA.mask() | strtab_base::ADDR.mask());
            return;
        case reg::STRTAB_BASE_CFG:
            if (allow(smmu_off)) strtab_base_cfg = word & 0x307FF;
            return;
        case reg::CMDQ_BASE:
            return write_base(cmdq, cr0::CMDQEN);
        case reg::CMDQ_PROD:
            cmdq.prod = word & kPointerBits;
            return;
        case reg::CMDQ_CONS:
            if (allow(off(cr0::CMDQEN.mask()))) cmdq.cons = word & (kPointerBits | low32(cmdq_cons::ERR.mask()));
            return;
        case reg::EVENTQ_BASE:
            return write_base(eventq, cr0::EVENTQEN);
        case reg::EVENTQ_PROD:
            if (allow(off(cr0::EVENTQEN.mask()))) eventq.prod = word & (kPointerBits | kFlag31);
            return;
        case reg::EVENTQ_CONS:
            eventq.cons = word & (kPointerBits | kFlag31);
            return;
        case reg::PRIQ_BASE:
            if (allow(pri_)) write_base(priq, cr0::PRIQEN);
            return;
        case reg::PRIQ_PROD:
            if (allow(pri_ && off(cr0::PRIQEN.mask()))) priq.prod = word & (kPointerBits | kFlag31);
            return;
        case reg::PRIQ_CONS:
            if (allow(pri_)) priq.cons = word & (kPointerBits | kFlag31);
            return;
        case reg::GATOS_CTRL:
            // RUN is set only while translation is on, and clears itself.
            if (allow(atos_ && enabled(cr0::SMMUEN) && gatos_ctrl::RUN.test(word))) gatos_ctrl = 1;
            return;
        case reg::GATOS_SID:
            if (allow(atos_ && gatos_ctrl == 0)) gatos_sid = value & low_mask(53);
            return;
        case reg::GATOS_ADDR:
            if (allow(atos_ && gatos_ctrl == 0)) gatos_addr = value & ~low_mask(6);
            return;
        case reg::AGBPA:
            return;
        default:
            stored[static_cast<std::size_t>(&row - kRegisters.data())] = value;
            return;
    }
}

}  // namespace xlate::iommu::smmuv3
