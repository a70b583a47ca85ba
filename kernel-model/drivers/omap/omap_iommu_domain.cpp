#include "kernel-model/drivers/omap/omap_iommu_domain.hpp"

#include "base/bits.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

OmapIommuDomain::OmapIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type), core_(core), memory_(memory), lock_(the_kernel, "omap_domain->lock") {
    if (domain_type == DomainType::identity) return;
    pgsize_bitmap = kOmapPageSizes;
    aperture_end = low_mask(iommu::omap::kInputBits);
}

int OmapIommuDomain::omap_iommu_attach_init(const OmapArchData& data) {
    for (std::size_t i = 0; i < data.iommu_dev.size(); ++i) {
        Part part;
        part.pgtable = std::make_unique<Iopgtable>(memory_);
        if (const int err = part.pgtable->init(); err != 0) return err;
        iommus_.push_back(std::move(part));
    }
    return iommus_.empty() ? -kENODEV : 0;
}

// The identity domain only ends what was attached before: the IOMMU is off then.
int OmapIommuDomain::attach_dev(Device& dev) {
    if (type == DomainType::identity) {
        Frame frame{kernel(), "omap_iommu_identity_attach"};
        const Ptr<IommuDomain> old = core_.iommu_get_domain_for_dev(dev, "AT3");
        if (!old || old.get() == this) return 0;
        static_cast<OmapIommuDomain&>(*old.deref("AT3")).detach(dev);
        return 0;
    }
    Frame frame{kernel(), "omap_iommu_attach_dev"};
    const Ptr<OmapArchData> data = ptr_cast<OmapArchData>(core_.dev_iommu_priv_get(dev, "AT2"));
    if (!data || data->iommu_dev.empty()) {
        kernel().console.err(dev.prefix(), "device doesn't have an associated iommu");
        return -kEINVAL;
    }
    lock_.lock("AT3");
    int err = 0;
    if (dev_ != nullptr) {
        kernel().console.err(dev.prefix(), "iommu domain is already attached");
        err = -kEINVAL;
    } else {
        err = omap_iommu_attach_init(*data.deref("AT3"));
        if (err != 0) kernel().console.err(dev.prefix(), "failed to allocate required iommu data {}", err);
        std::size_t done = 0;
        for (; err == 0 && done < iommus_.size(); ++done) {
            OmapIommu& iommu = *data->iommu_dev[done].deref("AT4");
            err = iommu.omap_iommu_attach(*iommus_[done].pgtable);
            if (err != 0) {
                kernel().console.err(dev.prefix(), "can't get omap iommu: {}", err);
                break;
            }
            iommu.domain.write(this, "AT4");
            iommus_[done].iommu_dev = &iommu;
        }
        if (err == 0) {
            dev_ = &dev;
        } else {
            while (done-- > 0) {
                iommus_[done].iommu_dev->omap_iommu_detach();
                iommus_[done].iommu_dev->domain.write(nullptr, "AT5");
            }
            free();
        }
    }
    lock_.unlock("AT5");
    return err;
}

// Linux _omap_iommu_detach_dev(): the last MMU first.
void OmapIommuDomain::detach(Device& dev) {
    Frame frame{kernel(), "_omap_iommu_detach_dev"};
    lock_.lock("DT3");
    if (dev_ == nullptr) {
        kernel().console.err(dev.prefix(), "domain has no attached device");
    } else if (dev_ != &dev) {
        kernel().console.err(dev.prefix(), "invalid attached device");
    } else {
        for (std::size_t i = iommus_.size(); i-- > 0;) {
            OmapIommu& iommu = *iommus_[i].iommu_dev;
            iommu.iopgtable_clear_entry_all();
            iommu.omap_iommu_detach();
            iommu.domain.write(nullptr, "DT4");
        }
        free();
        dev_ = nullptr;
    }
    lock_.unlock("DT4");
}

void OmapIommuDomain::detach_dev(Device& dev) { detach(dev); }

// Linux omap_iommu_detach_fini().
void OmapIommuDomain::free() {
    for (Part& part : iommus_) part.pgtable->free_tables();
    iommus_.clear();
}

// No rights in the words: what is mapped may be read and written.
int OmapIommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool, bool) {
    if (iommus_.empty()) return -kENODEV;
    if ((iova.value + size - 1) >> 32 != 0 || (paddr.value + size - 1) >> 32 != 0) return -kERANGE;
    for (std::uint64_t done = 0; done < size;) {
        const PageRun run = iommu_pgsize(kOmapPageSizes, iova.value + done, paddr.value + done, size - done);
        if (run.pgsize == 0) return -kEINVAL;
        const int err = omap_iommu_map(static_cast<std::uint32_t>(iova.value + done),
                                       static_cast<std::uint32_t>(paddr.value + done), run.pgsize);
        if (err != 0) {
            unmap(iova, done);
            return err;
        }
        done += run.pgsize;
    }
    return 0;
}

int OmapIommuDomain::omap_iommu_map(std::uint32_t da, std::uint32_t pa, std::uint64_t bytes) {
    Frame frame{kernel(), "omap_iommu_map"};
    for (std::size_t i = 0; i < iommus_.size(); ++i) {
        const int err = iommus_[i].iommu_dev->omap_iopgtable_store_entry(da, pa, bytes);
        if (err == 0) continue;
        kernel().console.err(dev_->prefix(), "omap_iopgtable_store_entry failed: {}", err);
        while (i-- > 0) iommus_[i].iommu_dev->iopgtable_clear_entry(da);
        return err;
    }
    return 0;
}

std::uint64_t OmapIommuDomain::unmap(Iova iova, std::uint64_t size) {
    std::uint64_t done = 0;
    while (done < size && !iommus_.empty()) {
        const std::uint64_t unmapped = omap_iommu_unmap(static_cast<std::uint32_t>(iova.value + done));
        if (unmapped == 0) break;
        annotate_unmapped(iova.value + done, unmapped);
        done += unmapped;
    }
    return done;
}

// What the last MMU says, or nothing if one of them had nothing.
std::uint64_t OmapIommuDomain::omap_iommu_unmap(std::uint32_t da) {
    Frame frame{kernel(), "omap_iommu_unmap"};
    bool error = false;
    std::uint64_t bytes = 0;
    for (Part& part : iommus_) {
        bytes = part.iommu_dev->iopgtable_clear_entry(da);
        error = error || bytes == 0;
    }
    return error ? 0 : bytes;
}

void OmapIommuDomain::annotate_unmapped(std::uint64_t iova, std::uint64_t size) {
    for (const Part& part : iommus_) {
        Annotation annotation;
        annotation.kind = Annotation::Kind::unmapped;
        annotation.iommu = part.iommu_dev->regbase;
        annotation.first = align_down(iova, size);
        annotation.bytes = size;
        kernel().machine.annotate(annotation);
    }
}

std::optional<PhysAddr> OmapIommuDomain::iova_to_phys(Iova iova) {
    if (iommus_.empty() || iova.value >> 32 != 0) return std::nullopt;
    return iommus_.front().pgtable->iova_to_phys(static_cast<std::uint32_t>(iova.value));
}

}  // namespace xlate::kernel
