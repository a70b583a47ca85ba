// An address space of the Tegra SMMU: Linux struct tegra_smmu_as. A directory from the beginning; an ASID while a
// device is attached; tables as pages come, given back when their last page goes. Each word that changes is flushed at
// once, from the page table cache and from the TLB: nothing is left for iotlb_sync. Or the driver's one identity
// domain. Source: as tegra_smmu.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "kernel-model/drivers/tegra/tegra_smmu.hpp"
#include "kernel-model/pgtable/table_memory.hpp"
#include "kernel-model/pgtable/tegra_format.hpp"

namespace xlate::kernel {

class TegraSmmuAs final : public IommuDomain {
public:
    TegraSmmuAs(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    /// Paging types: the directory. 0 or -ENOMEM.
    int init();

    int attach_dev(Device& dev) override;
    /// Over something that is mapped it writes without a word, as Linux does.
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova, std::uint64_t) override {}
    void flush_iotlb_all() override {}
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    unsigned asid() const { return id_; }
    unsigned use_count() const { return use_count_; }

private:
    /// A table, as written; the CPU's view.
    struct Table {
        PhysAddr at{};
        unsigned count = 0;  ///< words in use
        std::vector<std::uint32_t> words;
    };

    int identity_attach(Device& dev);
    int tegra_smmu_as_prepare(TegraSmmu& smmu);
    void tegra_smmu_as_unprepare();
    int map_page(std::uint64_t iova, std::uint64_t paddr, const PageProt& prot);
    bool unmap_page(std::uint64_t iova);
    Table* as_get_pte(std::uint64_t iova, PhysAddr fresh);
    void tegra_smmu_set_pde(std::uint64_t iova, std::uint32_t value);
    void tegra_smmu_set_pte(Table& table, std::uint64_t iova, std::uint32_t value);
    void tegra_smmu_pte_put_use(std::uint64_t iova);
    void store(PhysAddr at, std::uint32_t value);

    IommuCore& core_;
    TableMemory& memory_;
    SpinLock lock_;
    TegraSmmu* smmu_ = nullptr;  ///< while it has an ASID
    unsigned use_count_ = 0;     ///< ids of attached devices
    unsigned id_ = 0;            ///< the ASID
    PhysAddr directory_{};
    std::map<std::uint32_t, Table> tables_;  ///< Linux as->pts: by directory index
};

}  // namespace xlate::kernel
