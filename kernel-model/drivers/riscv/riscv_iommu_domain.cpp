#include "kernel-model/drivers/riscv/riscv_iommu_domain.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/core/errno.hpp"

namespace xlate::kernel {

namespace rv = iommu::riscv;
namespace table = iommu::riscv_table;

namespace {

/// Above this one invalidation of the whole address space is cheaper than many of a page.
constexpr std::uint64_t kInvalidationLimit = std::uint64_t{2} << 20;

constexpr std::uint64_t kMaxPscid = low_mask(20);

struct ModeRow {
    table::Mode mode;
    Field capability;
    std::uint64_t code;
};
constexpr ModeRow kModes[] = {{table::Mode::sv57, rv::caps::Sv57, rv::atp::SV57},
                              {table::Mode::sv48, rv::caps::Sv48, rv::atp::SV48},
                              {table::Mode::sv39, rv::caps::Sv39, rv::atp::SV39}};
const ModeRow* row_of(table::Mode mode) {
    for (const ModeRow& row : kModes) {
        if (row.mode == mode) return &row;
    }
    return nullptr;
}

constexpr std::uint64_t command(rv::Opcode opcode) { return rv::cmd::OPCODE.of(static_cast<unsigned>(opcode)); }

/// IOTINVAL.VMA of an address space: of the guest's, if there is a second stage.
std::uint64_t invalidate_space(const RiscvIommu& iommu, std::uint32_t pscid) {
    std::uint64_t word = command(rv::Opcode::IOTINVAL) | rv::cmd::PSCV.of(1) | rv::cmd::PSCID.of(pscid);
    if (iommu.iohgatp != 0) word |= rv::cmd::GV.of(1) | rv::cmd::GSCID.of(rv::atp::GSCID.get(iommu.iohgatp));
    return word;
}

}  // namespace

std::optional<std::uint32_t> PscidAllocator::alloc() {
    std::uint32_t next = 1;
    for (const std::uint32_t used : used_) {
        if (used != next) break;
        ++next;
    }
    if (next > kMaxPscid) return std::nullopt;
    used_.insert(next);
    return next;
}

RiscvDomain::RiscvDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, PscidAllocator& pscids,
                         TableMemory& memory)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      pscids_(pscids),
      memory_(memory),
      lock_(the_kernel, "riscv_iommu_domain->lock") {}

int RiscvDomain::init(const RiscvIommu& iommu) {
    Frame frame{kernel(), "riscv_iommu_alloc_paging_domain"};
    const ModeRow* best = nullptr;
    for (const ModeRow& row : kModes) {
        if (best == nullptr && iommu.has(row.capability)) best = &row;
    }
    if (best == nullptr) {
        kernel().console.err(iommu.prefix, "cannot find supported page table mode");
        return -kENODEV;
    }
    mode_ = best->mode;
    tables_ = std::make_unique<RiscvPgtable>(memory_, *this, mode_, iommu.has(rv::caps::AMO_HWAD));
    if (const int err = tables_->init(); err != 0) return err;
    const auto pscid = pscids_.alloc();
    if (!pscid) {
        tables_->free_tables();
        return -kENOMEM;
    }
    pscid_ = *pscid;
    pgsize_bitmap = tables_->pgsize_bitmap();
    aperture_start = 0;
    aperture_end = low_mask(tables_->format().row().ias);
    return 0;
}

// A context that is in use is taken away first, and its change is visible before the new one is.
void RiscvDomain::riscv_iommu_iodir_update(Device& dev, RiscvIommu& iommu, std::uint64_t fsc, std::uint64_t ta) {
    Frame frame{kernel(), "riscv_iommu_iodir_update"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "RVD1");
    const unsigned number = fwspec.deref("RVD1")->num_ids("RVD1");
    const auto invalidate = [&](std::uint32_t id) {
        if (iommu.mistakes.has(Mistake::ste_without_cfgi)) return;
        iommu.riscv_iommu_cmd_send({command(rv::Opcode::IODIR) | rv::cmd::DV.of(1) | rv::cmd::DID.of(id), 0});
    };
    bool sync_required = false;
    for (unsigned i = 0; i < number; ++i) {
        const std::uint32_t id = fwspec->id(i, "RVD2");
        const auto dc = iommu.riscv_iommu_get_dc(id);
        if (!dc) continue;
        const std::uint64_t word = iommu.pages.read_u64(*dc);
        if (!rv::tc::V.test(word)) continue;
        iommu.pages.write_u64(*dc, word & ~rv::tc::V.mask());
        invalidate(id);
        sync_required = true;
    }
    if (sync_required) iommu.riscv_iommu_cmd_sync();
    for (unsigned i = 0; i < number; ++i) {
        const std::uint32_t id = fwspec->id(i, "RVD3");
        const auto dc = iommu.riscv_iommu_get_dc(id);
        if (!dc) continue;
        const std::uint64_t word = iommu.pages.read_u64(*dc);
        iommu.pages.write_u64(*dc + 8 * rv::dc::FSC, fsc);
        iommu.pages.write_u64(*dc + 8 * rv::dc::TA, ta & rv::ta::PSCID.mask());
        iommu.pages.write_u64(*dc, word | (ta & rv::tc::V.mask()));
        invalidate(id);
    }
    iommu.riscv_iommu_cmd_sync();
}

int RiscvDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), paging()                       ? "riscv_iommu_attach_paging_domain"
                          : type == DomainType::identity ? "riscv_iommu_attach_identity_domain"
                                                         : "riscv_iommu_attach_blocking_domain"};
    const Ptr<RiscvIommuInfo> info = ptr_cast<RiscvIommuInfo>(core_.dev_iommu_priv_get(dev, "RVA1"));
    RiscvIommu& iommu = *info.deref("RVA1")->iommu.deref("RVA1");
    RiscvDomain* const old = info->domain;
    if (!paging()) {
        riscv_iommu_iodir_update(dev, iommu, 0, type == DomainType::identity ? rv::tc::V.of(1) : 0);
        info->domain = nullptr;
    } else {
        const ModeRow* const row = row_of(mode_);
        if (row == nullptr || !iommu.has(row->capability)) return -kENODEV;
        lock_.lock("RVA2");  // riscv_iommu_bond_link
        auto at = std::find_if(bonds_.begin(), bonds_.end(), [&](const Bond& bond) { return bond.iommu == &iommu; });
        bonds_.insert(at, {&dev, &iommu});
        lock_.unlock("RVA3");
        riscv_iommu_iodir_update(dev, iommu,
                                 rv::atp::MODE.of(row->code) | rv::atp::PPN.of(tables_->root() >> rv::kPageBits),
                                 rv::ta::PSCID.of(pscid_) | rv::ta::V.of(1));
        info->domain = this;
    }
    if (old != nullptr) old->riscv_iommu_bond_unlink(dev);
    return 0;
}

// The last device of an IOMMU that goes takes the IOMMU's knowledge of the address space with it.
void RiscvDomain::riscv_iommu_bond_unlink(const Device& dev) {
    Frame frame{kernel(), "riscv_iommu_bond_unlink"};
    lock_.lock("RVB1");
    RiscvIommu* iommu = nullptr;
    const auto at = std::find_if(bonds_.begin(), bonds_.end(), [&](const Bond& bond) { return bond.dev == &dev; });
    if (at != bonds_.end()) {
        iommu = at->iommu;
        bonds_.erase(at);
    }
    const bool last = std::none_of(bonds_.begin(), bonds_.end(), [&](const Bond& bond) { return bond.iommu == iommu; });
    lock_.unlock("RVB2");
    if (iommu == nullptr || !last) return;
    iommu->riscv_iommu_cmd_send({invalidate_space(*iommu, pscid_), 0});
    iommu->riscv_iommu_cmd_sync();
}

int RiscvDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    if (!tables_) return -kENODEV;
    Frame frame{kernel(), "riscv_iommu_map_pages"};
    PageProt prot;
    prot.write = write;
    prot.read = read;
    return tables_->map(iova, paddr, size, prot);
}

// Leaf by leaf; a part of one is no leaf.
std::uint64_t RiscvDomain::unmap(Iova iova, std::uint64_t size) {
    if (!tables_) return 0;
    Frame frame{kernel(), "riscv_iommu_unmap_pages"};
    IotlbGather& gather = gathers_[kernel().sched.current().id];
    gather = IotlbGather{};
    gather.queued = type == DomainType::dma_fq;
    std::uint64_t done = 0;
    while (done < size) {
        const Iova at{iova.value + done};
        const IoPgtable::End end = tables_->end_of_walk(at);
        if (!end.mapped || (at.value & (end.bytes - 1)) != 0) break;
        if (tables_->unmap(at, end.bytes, gather) != end.bytes) break;
        done += end.bytes;
    }
    return done;
}

void RiscvDomain::iotlb_sync(Iova, std::uint64_t) {
    const auto pending = gathers_.find(kernel().sched.current().id);
    if (pending == gathers_.end()) return;
    const IotlbGather gather = pending->second;
    gathers_.erase(pending);
    if (gather.pgsize != 0) tlb_sync_gather(gather);
}

void RiscvDomain::tlb_sync_gather(const IotlbGather& gather) {
    Frame frame{kernel(), "riscv_iommu_iotlb_sync"};
    riscv_iommu_iotlb_inval(gather.start, gather.end);
}

// All of the address space: commands by address leave what is above the leaves.
void RiscvDomain::tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) { flush_iotlb_all(); }
void RiscvDomain::flush_iotlb_all() {
    if (tables_) riscv_iommu_iotlb_inval(0, ~std::uint64_t{0});
}

void RiscvDomain::riscv_iommu_iotlb_inval(std::uint64_t start, std::uint64_t end) {
    Frame frame{kernel(), "riscv_iommu_iotlb_inval"};
    std::vector<RiscvIommu*> iommus;
    for (const Bond& bond : bonds_) {
        if (iommus.empty() || iommus.back() != bond.iommu) iommus.push_back(bond.iommu);
    }
    for (RiscvIommu* iommu : iommus) {
        if (iommu->mistakes.has(Mistake::unmap_without_tlbi)) continue;
        std::uint32_t pscid = pscid_;
        if (iommu->mistakes.has(Mistake::wrong_asid)) ++pscid;
        const std::uint64_t all = invalidate_space(*iommu, pscid);
        std::uint64_t length = end - start + 1;
        if (length == 0 || length >= kInvalidationLimit) {
            iommu->riscv_iommu_cmd_send({all, 0});
            continue;
        }
        if (iommu->mistakes.has(Mistake::short_range)) length -= std::uint64_t{1} << rv::kPageBits;
        for (std::uint64_t iova = start; iova < start + length; iova += std::uint64_t{1} << rv::kPageBits) {
            iommu->riscv_iommu_cmd_send({all | rv::cmd::AV.of(1), rv::cmd::ADDR_PAGE.of(iova >> rv::kPageBits)});
        }
    }
    for (RiscvIommu* iommu : iommus) {
        if (!iommu->mistakes.has(Mistake::tlbi_without_sync)) iommu->riscv_iommu_cmd_sync();
    }
}

std::optional<PhysAddr> RiscvDomain::iova_to_phys(Iova iova) {
    if (type == DomainType::identity) return PhysAddr{iova.value};
    return tables_ ? tables_->iova_to_phys(iova) : std::nullopt;
}

std::optional<AddressSpace> RiscvDomain::address_space() const {
    if (bonds_.empty()) return std::nullopt;
    return AddressSpace{bonds_.front().iommu->regs, static_cast<std::uint16_t>(pscid_)};
}

void RiscvDomain::free() {
    if (!tables_) return;
    tables_->free_tables();
    tables_.reset();
    pscids_.free(pscid_);
}

}  // namespace xlate::kernel
