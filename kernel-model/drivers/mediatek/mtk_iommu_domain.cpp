#include "base/bits.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/drivers/mediatek/mtk_iommu.hpp"

namespace xlate::kernel {

namespace {

constexpr std::uint64_t kPage = 4096;
/// In 4 GB mode memory below the fifth gigabyte is seen above 4 GiB.
constexpr std::uint64_t k4GbBit = std::uint64_t{1} << 32, k4GbRemapBase = 0x1'4000'0000;

}  // namespace

MtkIommuDomain::MtkIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, PageAllocator& pages)
    : IommuDomain(the_kernel, domain_type), core_(core), pages_(pages), mutex_(the_kernel, "dom->mutex") {}

// All domains of a list of M4Us have the tables of the first one; they differ in their IOVAs.
int MtkIommuDomain::finalise(MtkIommu& frstdata, unsigned region_id) {
    Frame frame{kernel(), "mtk_iommu_domain_finalise"};
    const MtkPlatform& platform = frstdata.platform;
    if (frstdata.share_dom) {
        const MtkIommuDomain& shared = *frstdata.share_dom.deref("MTF1");
        tables_ = shared.tables_;
        memory_ = shared.memory_;
    } else {
        const unsigned oas = !platform.soc->has_4gb_mode ? 35 : frstdata.enable_4gb ? 33 : 32;
        const MediatekFormat format(platform.soc->input_bits, oas, platform.soc->table_high_bits);
        memory_ = std::make_shared<MtkTableMemory>(pages_, platform.soc->table_high_bits ? 35 : 32);
        tables_ = std::make_shared<MtkTables>(*memory_, format);
        if (tables_->pgtable.init() != 0) {
            kernel().console.err(frstdata.prefix, "Failed to alloc io pgtable");
            tables_.reset();
            return -kENOMEM;
        }
        frstdata.share_dom = Ptr<MtkIommuDomain>(this);
    }
    pgsize_bitmap = tables_->pgtable.pgsize_bitmap();
    const MtkRegion region = platform.region(region_id, kernel().variant.release);
    aperture_start = region.base;
    aperture_end = region.base + region.size - 1;
    return 0;
}

int MtkIommuDomain::identity_attach(Device& dev, MtkIommu& data) {
    const Ptr<IommuDomain> now = core_.iommu_get_domain_for_dev(dev, "MTI1");
    if (!now || now.get() == this) return 0;
    data.mtk_iommu_config(dev, false, 0);
    return 0;
}

int MtkIommuDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "mtk_iommu_attach_device"};
    const Ptr<MtkIommu> priv = ptr_cast<MtkIommu>(core_.dev_iommu_priv_get(dev, "AT2"));
    MtkIommu& data = *priv.deref("AT2");
    if (type == DomainType::identity) return identity_attach(dev, data);
    const std::vector<std::uint32_t> ids = data.ids_of(dev, "AT2");
    const int region = data.iova_region_id(dev, ids);
    if (region < 0) return region;
    const unsigned number = data.bank_id(ids);
    mutex_.lock("MTA1");
    int err = 0;
    if (bank_ == nullptr) {
        MtkIommu& frstdata = data.frst_data("MTA2");
        frstdata.mutex.lock("MTA2");
        err = finalise(frstdata, static_cast<unsigned>(region));
        frstdata.mutex.unlock("MTA3");
        if (err == 0) bank_ = data.banks[number].get();
    }
    mutex_.unlock("MTA4");
    if (err != 0) return err;
    data.mutex.lock("MTA5");
    MtkBank& bank = *data.banks[number];
    if (!bank.m4u_dom) {
        err = data.power.get_sync(data.dev);
        if (err < 0) {
            kernel().console.err(data.prefix, "pm get fail({}) in attach.", err);
        } else {
            err = data.mtk_iommu_hw_init(number);
            if (err == 0) {
                bank.m4u_dom = Ptr<MtkIommuDomain>(this);
                data.write_pt_base(number, root());
            }
        }
        data.power.put(data.dev);
    }
    data.mutex.unlock("MTA6");
    if (err != 0) return err;
    if (region > 0) dev.dma_mask = dev.coherent_dma_mask = low_mask(34);
    return data.mtk_iommu_config(dev, true, static_cast<unsigned>(region));
}

int MtkIommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "mtk_iommu_map"};
    if (bank_ == nullptr) return -kEINVAL;  // not attached yet: Linux would follow a null pointer
    PageProt prot;
    prot.read = read;
    prot.write = write;
    MtkIommu& data = bank_->parent_data;
    if (data.enable_4gb) paddr.value |= k4GbBit;
    if (const int err = tables_->pgtable.map(iova, paddr, size, prot); err != 0) return err;
    data.mtk_iommu_tlb_flush_range_sync(iova.value, size, bank_->id);  // mtk_iommu_sync_map
    return 0;
}

std::uint64_t MtkIommuDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "mtk_iommu_unmap"};
    if (bank_ == nullptr) return 0;
    IotlbGather gather;
    gather.queued = true;  // iotlb_sync has the range
    return tables_->pgtable.unmap(iova, size, gather);
}

void MtkIommuDomain::iotlb_sync(Iova iova, std::uint64_t size) {
    if (bank_ == nullptr || size == 0) return;
    const Mistakes& mistakes = bank_->parent_data.mistakes;
    if (mistakes.has(Mistake::unmap_without_tlbi)) return;
    if (mistakes.has(Mistake::short_range)) {
        if (size <= kPage) return;
        size -= kPage;
    }
    bank_->parent_data.mtk_iommu_tlb_flush_range_sync(iova.value, size, bank_->id);
}

void MtkIommuDomain::flush_iotlb_all() {
    if (bank_ != nullptr) bank_->parent_data.mtk_iommu_tlb_flush_all();
}

std::optional<PhysAddr> MtkIommuDomain::iova_to_phys(Iova iova) {
    if (!tables_) return std::nullopt;
    std::optional<PhysAddr> pa = tables_->pgtable.iova_to_phys(iova);
    if (pa && bank_->parent_data.enable_4gb && pa->value >= k4GbRemapBase) pa->value &= ~k4GbBit;
    return pa;
}

// While it is suspended nothing is flushed and nothing can be claimed.
std::optional<AddressSpace> MtkIommuDomain::address_space() const {
    if (bank_ == nullptr || !bank_->parent_data.awake()) return std::nullopt;
    return AddressSpace{bank_->parent_data.regs, static_cast<std::uint16_t>(bank_->id)};
}

}  // namespace xlate::kernel
