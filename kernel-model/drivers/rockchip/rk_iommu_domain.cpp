#include "kernel-model/drivers/rockchip/rk_iommu_domain.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace xlate::kernel {

namespace rk = iommu::rockchip;

namespace {

/// Every power of two from a page to a whole table: a call of map or unmap never leaves its table.
constexpr std::uint64_t kPageSizes = 0x007F'F000;
constexpr std::uint64_t kPage = std::uint64_t{1} << rk::kPageBits;

}  // namespace

RkIommuDomain::RkIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory,
                             rk::Version version)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      dt_lock_(the_kernel, "rk_domain->dt_lock"),
      iommus_lock_(the_kernel, "rk_domain->iommus_lock"),
      tables_(memory, *this, version) {
    if (domain_type == DomainType::identity) return;
    pgsize_bitmap = kPageSizes;
    aperture_end = low_mask(rk::kInputBits);
}

int RkIommuDomain::init() { return tables_.init(); }
void RkIommuDomain::free() { tables_.free_tables(); }

// Linux rk_iommu_identity_attach(): off whatever domain's list it is on.
int RkIommuDomain::identity_attach(RkIommu& iommu) {
    RkIommuDomain* const old = iommu.domain.read("AT3");
    if (old == nullptr) return 0;
    iommu.domain.write(nullptr, "AT3");
    old->iommus_lock_.lock("AT3");
    old->iommus_.erase(std::remove(old->iommus_.begin(), old->iommus_.end(), &iommu), old->iommus_.end());
    iommu.listed = false;
    old->iommus_lock_.unlock("AT3");
    if (iommu.power.in_use(iommu.dev)) iommu.rk_iommu_disable();
    return 0;
}

// Linux rk_iommu_attach_device(). F17: where of_xlate has made it forget its domain, it joins the list once more.
int RkIommuDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "rk_iommu_attach_device"};
    const Ptr<RkIommuData> data = ptr_cast<RkIommuData>(core_.dev_iommu_priv_get(dev, "AT2"));
    RkIommu& iommu = *data.deref("AT2")->iommu.deref("AT2");
    if (type == DomainType::identity) return identity_attach(iommu);
    if (iommu.domain.read("AT3") == this) return 0;
    if (const int err = identity_attach(iommu); err != 0) return err;
    iommu.domain.write(this, "AT3");
    iommus_lock_.lock("AT4");
    if (iommu.listed) {
        kernel().reports.warn("list_add double add: the instance is on a domain's list already", "AT4");
    }
    iommu.listed = true;
    if (std::find(iommus_.begin(), iommus_.end(), &iommu) == iommus_.end()) iommus_.push_back(&iommu);
    iommus_lock_.unlock("AT4");
    if (!iommu.power.in_use(iommu.dev)) return 0;
    const int err = iommu.rk_iommu_enable();
    if (err != 0) identity_attach(iommu);
    return err;
}

int RkIommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    PageProt prot;
    prot.read = read;
    prot.write = write;
    for (std::uint64_t done = 0; done < size;) {
        const PageRun run = iommu_pgsize(kPageSizes, iova.value + done, paddr.value + done, size - done);
        if (run.pgsize == 0) return -kEINVAL;
        if (const int err = rk_iommu_map(iova.value + done, paddr.value + done, run.pgsize, prot); err != 0) {
            unmap(iova, done);
            return err;
        }
        done += run.pgsize;
    }
    return 0;
}

// The first and the last page may share a cache line of words with mappings before and behind; they are zapped even
// though nothing was there.
int RkIommuDomain::rk_iommu_map(std::uint64_t iova, std::uint64_t paddr, std::uint64_t size, const PageProt& prot) {
    Frame frame{kernel(), "rk_iommu_map"};
    dt_lock_.lock("RKM1");
    const int err = tables_.map(Iova{iova}, PhysAddr{paddr}, size, prot);
    if (err == 0) {
        rk_iommu_zap_iova(iova, kPage);
        if (size > kPage) rk_iommu_zap_iova(iova + size - kPage, kPage);
    }
    dt_lock_.unlock("RKM2");
    return err;
}

std::uint64_t RkIommuDomain::unmap(Iova iova, std::uint64_t size) {
    std::uint64_t done = 0;
    while (done < size) {
        const PageRun run = iommu_pgsize(kPageSizes, iova.value + done, iova.value + done, size - done);
        const std::uint64_t unmapped = run.pgsize == 0 ? 0 : rk_iommu_unmap(iova.value + done, run.pgsize);
        if (unmapped == 0) break;
        done += unmapped;
    }
    return done;
}

std::uint64_t RkIommuDomain::rk_iommu_unmap(std::uint64_t iova, std::uint64_t size) {
    Frame frame{kernel(), "rk_iommu_unmap"};
    const Mistakes mistakes = iommus_.empty() ? Mistakes{} : iommus_.front()->mistakes;
    if (mistakes.has(Mistake::zap_before_clear)) rk_iommu_zap_iova(iova, size);
    dt_lock_.lock("RKU1");
    IotlbGather gather;
    gather.queued = true;  // zapped below, all of it
    const std::uint64_t unmapped = tables_.unmap(Iova{iova}, size, gather);
    dt_lock_.unlock("RKU2");
    const std::uint64_t zapped = mistakes.has(Mistake::short_range) && unmapped > 0 ? unmapped - kPage : unmapped;
    if (!mistakes.has(Mistake::unmap_without_tlbi) && !mistakes.has(Mistake::zap_before_clear)) {
        rk_iommu_zap_iova(iova, zapped);
    }
    annotate_unmapped(iova, unmapped);
    return unmapped;
}

// Every MMU of every powered IOMMU has forgotten it; its number is the space.
void RkIommuDomain::annotate_unmapped(std::uint64_t iova, std::uint64_t size) {
    if (size == 0) return;
    for (const RkIommu* const iommu : iommus_) {
        if (!iommu->power.in_use(iommu->dev)) continue;
        Annotation annotation;
        annotation.kind = Annotation::Kind::unmapped;
        annotation.iommu = iommu->bases.front();
        annotation.first = iova;
        annotation.bytes = size;
        for (std::uint32_t file = 0; file < iommu->bases.size(); ++file) {
            annotation.context = file;
            kernel().machine.annotate(annotation);
        }
    }
}

// Only powered ones have anything to forget: the others start with a zap.
void RkIommuDomain::rk_iommu_zap_iova(std::uint64_t iova, std::uint64_t size) {
    iommus_lock_.lock("RKZ1");
    for (RkIommu* const iommu : iommus_) {
        if (iommu->power.in_use(iommu->dev)) iommu->rk_iommu_zap_lines(iova, size);
    }
    iommus_lock_.unlock("RKZ2");
}

}  // namespace xlate::kernel
