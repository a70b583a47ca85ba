#include "kernel-model/drivers/exynos/exynos_domain.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"

namespace xlate::kernel {

namespace ex = iommu::exynos;

namespace {

constexpr std::uint64_t kPage = std::uint64_t{1} << ex::kPageBits, kSection = std::uint64_t{1} << ex::kSectionBits;

/// Linux's sysmmu_iova_t has 32 bits.
constexpr std::uint32_t sysmmu_iova(std::uint64_t iova) { return static_cast<std::uint32_t>(iova); }

}  // namespace

Ptr<ExynosIommuOwner> owner_of(Device& dev, const char* step) {
    return ptr_cast<ExynosIommuOwner>(dev.iommu.peek().deref(step)->priv.peek());
}

ExynosIommuDomain::ExynosIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory,
                                     ex::Words words, std::uint64_t zero_table)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      lock_(the_kernel, "domain->lock"),
      pgtablelock_(the_kernel, "domain->pgtablelock"),
      output_mask_(low_mask(ex::output_bits(words))),
      tables_(memory, *this, words, zero_table) {
    if (domain_type == DomainType::identity) return;
    pgsize_bitmap = tables_.pgsize_bitmap();
    // The aperture is left open: addresses of more than 32 bits are handed out to masters that take them, and cut.
}

int ExynosIommuDomain::init() { return tables_.init(); }

void ExynosIommuDomain::free() {
    if (!clients_.empty()) kernel().reports.warn("exynos_iommu_domain_free: !list_empty(&domain->clients)", "EXX1");
    tables_.free_tables();
}

// Linux exynos_iommu_identity_attach(). Every client of the domain goes with it, of whatever master.
int ExynosIommuDomain::identity_attach(IommuCore& core, ExynosIommuOwner& owner) {
    ExynosIommuDomain* const old = owner.domain;
    if (old == nullptr) return 0;
    Frame frame{core.k, "exynos_iommu_identity_attach"};
    owner.rpm_lock.lock("AT3");
    owner.for_each_controller("AT3", [](SysmmuDrvdata& data) {
        if (data.power.in_use(data.sysmmu)) data.do_sysmmu_disable();
    });
    old->lock_.lock("AT3");
    old->for_each_client("AT3", [](SysmmuDrvdata& data) {
        data.lock.lock("AT3");
        data.pgtable = 0;
        data.domain = nullptr;
        list_del_init(data.domain_node);
        data.lock.unlock("AT3");
    });
    owner.domain = nullptr;
    old->lock_.unlock("AT3");
    owner.rpm_lock.unlock("AT3");
    return 0;
}

// Linux exynos_iommu_attach_device().
int ExynosIommuDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "exynos_iommu_attach_device"};
    const Ptr<ExynosIommuOwner> priv = ptr_cast<ExynosIommuOwner>(core_.dev_iommu_priv_get(dev, "AT2"));
    ExynosIommuOwner& owner = *priv.deref("AT2");
    if (const int err = identity_attach(core_, owner); err != 0 || type == DomainType::identity) return err;
    owner.rpm_lock.lock("AT4");
    lock_.lock("AT4");
    owner.for_each_controller("AT4", [this](SysmmuDrvdata& data) {
        data.lock.lock("AT4");
        data.pgtable = tables_.root();
        data.domain = this;
        mistakes_ = data.mistakes;
        list_add_tail(data.domain_node, clients_);
        data.lock.unlock("AT4");
    });
    owner.domain = this;
    lock_.unlock("AT4");
    owner.for_each_controller("AT5", [](SysmmuDrvdata& data) {
        if (data.power.in_use(data.sysmmu)) data.do_sysmmu_enable();
    });
    owner.rpm_lock.unlock("AT6");
    return 0;
}

int ExynosIommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    PageProt prot;
    prot.read = read;
    prot.write = write;
    for (std::uint64_t done = 0; done < size;) {
        const PageRun run = iommu_pgsize(pgsize_bitmap, iova.value + done, paddr.value + done, size - done);
        if (run.pgsize == 0) return -kEINVAL;
        if (const int err = exynos_iommu_map(iova.value + done, paddr.value + done, run.pgsize, prot); err != 0) {
            unmap(iova, done);
            return err;
        }
        done += run.pgsize;
    }
    return 0;
}

// One page of one of the three sizes. Versions 1 to 3 lose the upper half of an address, as Linux's macros do.
int ExynosIommuDomain::exynos_iommu_map(std::uint64_t iova, std::uint64_t paddr, std::uint64_t size,
                                        const PageProt& prot) {
    Frame frame{kernel(), "exynos_iommu_map"};
    if ((paddr & ~output_mask_) != 0) {
        kernel().reports.semantic(
            fmt::format("exynos_iommu_map: {:#x} does not fit in a table word and is cut", paddr));
    }
    pgtablelock_.lock("EXM1");
    const int err = tables_.map(Iova{sysmmu_iova(iova)}, PhysAddr{paddr & output_mask_}, size, prot);
    if (err == -kEADDRINUSE) {
        kernel().reports.warn(fmt::format("exynos_iommu_map: {:#010x} is mapped", sysmmu_iova(iova)), "EXM2");
    }
    if (err != 0) {
        kernel().console.err("", "exynos_iommu_map: Failed({}) to map {:#x} bytes @ {:#x}", err, size,
                             sysmmu_iova(iova));
    }
    pgtablelock_.unlock("EXM3");
    return err;
}

// The table of zeros has been replaced.
void ExynosIommuDomain::table_linked(std::uint64_t iova) {
    if (mistakes_.has(Mistake::attach_without_zap)) return;
    lock_.lock("EXM4");
    for_each_client("EXM4", [&](SysmmuDrvdata& data) { data.sysmmu_tlb_invalidate_flpdcache(sysmmu_iova(iova)); });
    lock_.unlock("EXM5");
}

std::uint64_t ExynosIommuDomain::unmap(Iova iova, std::uint64_t size) {
    std::uint64_t done = 0;
    while (done < size) {
        const PageRun run = iommu_pgsize(pgsize_bitmap, iova.value + done, iova.value + done, size - done);
        const bool last = done + run.pgsize >= size;
        const bool forgotten = mistakes_.has(Mistake::unmap_without_tlbi) || mistakes_.has(Mistake::zap_before_clear) ||
                               (mistakes_.has(Mistake::short_range) && last);
        const std::uint64_t unmapped =
            run.pgsize == 0 ? 0 : exynos_iommu_unmap(iova.value + done, run.pgsize, !forgotten);
        if (unmapped == 0) break;
        done += unmapped;
    }
    return done;
}

// What one word, or one group of words, maps; `size` may be more than that. Where nothing is mapped it is dropped from
// the caches all the same.
std::uint64_t ExynosIommuDomain::exynos_iommu_unmap(std::uint64_t iova, std::uint64_t size, bool drop) {
    Frame frame{kernel(), "exynos_iommu_unmap"};
    const std::uint32_t at = sysmmu_iova(iova);
    if (mistakes_.has(Mistake::zap_before_clear)) exynos_iommu_tlb_invalidate_entry(at, size);
    pgtablelock_.lock("EXU1");
    const IoPgtable::End end = tables_.end_of_walk(Iova{at});
    if (end.mapped && size < end.bytes) {
        pgtablelock_.unlock("EXU2");
        kernel().reports.warn("exynos_iommu_unmap: a part of a larger page", "EXU2");
        kernel().console.err("", "exynos_iommu_unmap: Failed: size({:#x}) @ {:#x} is smaller than page size {:#x}",
                             size, at, end.bytes);
        return 0;
    }
    if (end.mapped) {
        size = end.bytes;
        IotlbGather gather;
        gather.queued = true;  // dropped below
        tables_.unmap(Iova{at}, size, gather);
    } else {
        size = end.bytes == kSection ? std::min(size, kSection) : kPage;
    }
    pgtablelock_.unlock("EXU3");
    if (drop) exynos_iommu_tlb_invalidate_entry(at, size);
    annotate_unmapped(at, size);
    return size;
}

void ExynosIommuDomain::exynos_iommu_tlb_invalidate_entry(std::uint32_t iova, std::uint64_t size) {
    lock_.lock("EXU4");
    bool first = true;
    for_each_client("EXU4", [&](SysmmuDrvdata& data) {
        if (first || !mistakes_.has(Mistake::zap_first_file_only)) data.sysmmu_tlb_invalidate_entry(iova, size);
        first = false;
    });
    lock_.unlock("EXU5");
}

// Every SysMMU that is on has forgotten it.
void ExynosIommuDomain::annotate_unmapped(std::uint64_t iova, std::uint64_t size) {
    for_each_client("EXU6", [&](SysmmuDrvdata& data) {
        if (!data.active) return;
        Annotation annotation;
        annotation.kind = Annotation::Kind::unmapped;
        annotation.iommu = data.sfrbase;
        annotation.first = iova;
        annotation.bytes = size;
        kernel().machine.annotate(annotation);
    });
}

std::optional<PhysAddr> ExynosIommuDomain::iova_to_phys(Iova iova) {
    return tables_.iova_to_phys(Iova{sysmmu_iova(iova.value)});
}

}  // namespace xlate::kernel
