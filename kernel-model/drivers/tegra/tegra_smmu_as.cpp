#include "kernel-model/drivers/tegra/tegra_smmu_as.hpp"

#include "base/bits.hpp"

namespace xlate::kernel {

namespace tegra = iommu::tegra;
namespace reg = iommu::tegra::reg;

namespace {

constexpr std::uint64_t kPage = std::uint64_t{1} << tegra::kPageBits;

/// A table's address fits the words that name it.
bool smmu_dma_addr_valid(const TegraSmmu& smmu, PhysAddr at) { return at.value >> smmu.soc.address_bits == 0; }

}  // namespace

TegraSmmuAs::TegraSmmuAs(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type), core_(core), memory_(memory), lock_(the_kernel, "as->lock") {
    if (domain_type == DomainType::identity) return;
    pgsize_bitmap = kPage;
    aperture_end = low_mask(tegra::kInputBits);
}

int TegraSmmuAs::init() {
    const auto page = memory_.alloc_table(tegra::kTableBytes);
    if (!page) return -kENOMEM;
    directory_ = *page;
    return 0;
}

std::optional<AddressSpace> TegraSmmuAs::address_space() const {
    if (smmu_ == nullptr) return std::nullopt;
    return AddressSpace{smmu_->regs, static_cast<std::uint16_t>(id_)};
}

// Linux tegra_smmu_domain_free(): directory and tables are never given back (its TODO), so that a swgroup that is still
// enabled goes on translating.
void TegraSmmuAs::free() {
    if (use_count_ != 0) {
        kernel().reports.warn("tegra_smmu_domain_free: the domain is in use by an enabled swgroup", "TGF1");
    }
}

int TegraSmmuAs::tegra_smmu_as_prepare(TegraSmmu& smmu) {
    smmu.lock.lock("TGA1");
    int err = 0;
    if (use_count_ > 0) {
        ++use_count_;
    } else if (!smmu_dma_addr_valid(smmu, directory_)) {
        err = -kENOMEM;
    } else if (err = smmu.tegra_smmu_alloc_asid(id_); err == 0) {
        smmu.smmu_flush_ptc(directory_, 0);
        if (!smmu.mistakes.has(Mistake::attach_without_zap)) smmu.smmu_flush_tlb_asid(id_);
        smmu.write(reg::SMMU_PTB_ASID, id_);
        smmu.write(reg::SMMU_PTB_DATA, TegraFormat::ptb_data(directory_));
        smmu.smmu_flush();
        smmu_ = &smmu;
        ++use_count_;
    }
    smmu.lock.unlock("TGA2");
    return err;
}

void TegraSmmuAs::tegra_smmu_as_unprepare() {
    TegraSmmu& smmu = *smmu_;
    smmu.lock.lock("TGU1");
    if (--use_count_ == 0) {
        smmu.tegra_smmu_free_asid(id_);
        smmu_ = nullptr;
    }
    smmu.lock.unlock("TGU2");
}

// Ids that are stored twice are prepared and enabled twice. Linux tegra_smmu_attach_dev().
int TegraSmmuAs::attach_dev(Device& dev) {
    Frame frame{kernel(), "tegra_smmu_attach_dev"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "AT2");
    if (!fwspec) return -kENOENT;
    if (type == DomainType::identity) return identity_attach(dev);
    const Ptr<TegraSmmu> priv = ptr_cast<TegraSmmu>(core_.dev_iommu_priv_get(dev, "AT2"));
    TegraSmmu& smmu = *priv.deref("AT2");
    const unsigned ids = fwspec.deref("AT3")->num_ids("AT3");
    if (ids == 0) return -kENODEV;
    for (unsigned index = 0; index < ids; ++index) {
        const int err = tegra_smmu_as_prepare(smmu);
        if (err != 0) {
            while (index-- > 0) {
                smmu.tegra_smmu_disable(fwspec.deref("AT4")->id(index, "AT4"), id_);
                tegra_smmu_as_unprepare();
            }
            return err;
        }
        smmu.tegra_smmu_enable(fwspec.deref("AT4")->id(index, "AT4"), id_);
    }
    return 0;
}

// Linux tegra_smmu_identity_attach(): whatever address space the device is in is left.
int TegraSmmuAs::identity_attach(Device& dev) {
    Frame frame{kernel(), "tegra_smmu_identity_attach"};
    const Ptr<IommuDomain> now = core_.iommu_get_domain_for_dev(dev, "AT5");
    if (!now || now.get() == this) return 0;
    TegraSmmuAs& as = *static_cast<TegraSmmuAs*>(now.deref("AT5"));
    if (as.smmu_ == nullptr) return 0;
    TegraSmmu& smmu = *as.smmu_;
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "AT6");
    for (unsigned index = 0; index < fwspec.deref("AT6")->num_ids("AT6") && as.smmu_ != nullptr; ++index) {
        smmu.tegra_smmu_disable(fwspec.deref("AT6")->id(index, "AT6"), as.id_);
        as.tegra_smmu_as_unprepare();
    }
    return 0;
}

void TegraSmmuAs::store(PhysAddr at, std::uint32_t value) {
    const std::uint64_t word = value;
    memory_.store(at, &word, 1, tegra::kWordBytes);
}

void TegraSmmuAs::tegra_smmu_set_pde(std::uint64_t iova, std::uint32_t value) {
    Frame frame{kernel(), "tegra_smmu_set_pde"};
    const std::uint32_t offset = tegra::directory_index(iova) * tegra::kWordBytes;
    store(directory_ + offset, value);
    smmu_->smmu_flush_ptc(directory_, offset);
    smmu_->smmu_flush_tlb_section(id_, iova);
    smmu_->smmu_flush();
}

void TegraSmmuAs::tegra_smmu_set_pte(Table& table, std::uint64_t iova, std::uint32_t value) {
    Frame frame{kernel(), "tegra_smmu_set_pte"};
    const std::uint32_t index = tegra::table_index(iova), offset = index * tegra::kWordBytes;
    const Mistakes& mistakes = smmu_->mistakes;
    const bool flushes = value != 0 || !mistakes.has(Mistake::unmap_without_tlbi);
    if (value == 0 && mistakes.has(Mistake::zap_before_clear)) smmu_->smmu_flush_tlb_group(id_, iova);
    table.words[index] = value;
    store(table.at + offset, value);
    smmu_->smmu_flush_ptc(table.at, offset);
    if (flushes && !(value == 0 && mistakes.has(Mistake::zap_before_clear))) {
        smmu_->smmu_flush_tlb_group(mistakes.has(Mistake::wrong_asid) ? id_ + 1 : id_, iova);
    }
    smmu_->smmu_flush();
}

// `fresh`: a page for the table, if there was none when it was looked for without the lock.
TegraSmmuAs::Table* TegraSmmuAs::as_get_pte(std::uint64_t iova, PhysAddr fresh) {
    const std::uint32_t index = tegra::directory_index(iova);
    const auto found = tables_.find(index);
    if (found != tables_.end()) {
        if (fresh.value != 0) memory_.free_table(fresh, tegra::kTableBytes);  // another mapping was quicker
        return &found->second;
    }
    if (!smmu_dma_addr_valid(*smmu_, fresh)) {
        memory_.free_table(fresh, tegra::kTableBytes);
        return nullptr;
    }
    Table& table = tables_[index];
    table.at = fresh;
    table.words.assign(tegra::kEntries, 0);
    const TegraFormat format(smmu_->soc.address_bits);
    tegra_smmu_set_pde(iova, static_cast<std::uint32_t>(format.table(fresh, 0)));
    return &table;
}

// The table's page is allocated without the lock. Linux __tegra_smmu_map().
int TegraSmmuAs::map_page(std::uint64_t iova, std::uint64_t paddr, const PageProt& prot) {
    lock_.lock("TGM1");
    PhysAddr fresh{};
    if (tables_.count(tegra::directory_index(iova)) == 0) {
        lock_.unlock("TGM2");
        const auto page = memory_.alloc_table(tegra::kTableBytes);
        lock_.lock("TGM3");
        if (page) fresh = *page;
        if (!page && tables_.count(tegra::directory_index(iova)) == 0) {
            lock_.unlock("TGM4");
            return -kENOMEM;
        }
    }
    Table* const table = as_get_pte(iova, fresh);
    if (table != nullptr) {
        if (table->words[tegra::table_index(iova)] == 0) ++table->count;
        const TegraFormat format(smmu_->soc.address_bits);
        tegra_smmu_set_pte(*table, iova, static_cast<std::uint32_t>(format.leaf(PhysAddr{paddr}, prot, 1, kPage)));
    }
    lock_.unlock("TGM5");
    return table != nullptr ? 0 : -kENOMEM;
}

int TegraSmmuAs::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "tegra_smmu_map"};
    if (smmu_ == nullptr) return -kEINVAL;
    PageProt prot;
    prot.read = read;
    prot.write = write;
    for (std::uint64_t done = 0; done < size; done += kPage) {
        const int err = map_page(iova.value + done, paddr.value + done, prot);
        if (err == 0) continue;
        unmap(iova, done);
        return err;
    }
    return 0;
}

// The last page of a table: the table goes, the directory's word first.
void TegraSmmuAs::tegra_smmu_pte_put_use(std::uint64_t iova) {
    const auto found = tables_.find(tegra::directory_index(iova));
    if (--found->second.count != 0) return;
    const PhysAddr at = found->second.at;
    tegra_smmu_set_pde(iova, 0);
    memory_.free_table(at, tegra::kTableBytes);
    tables_.erase(found);
}

bool TegraSmmuAs::unmap_page(std::uint64_t iova) {
    lock_.lock("TGN1");
    const auto found = tables_.find(tegra::directory_index(iova));
    const bool mapped = found != tables_.end() && found->second.words[tegra::table_index(iova)] != 0;
    if (mapped) {
        tegra_smmu_set_pte(found->second, iova, 0);
        tegra_smmu_pte_put_use(iova);
    }
    lock_.unlock("TGN2");
    return mapped;
}

std::uint64_t TegraSmmuAs::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "tegra_smmu_unmap"};
    if (smmu_ == nullptr) return 0;
    for (std::uint64_t done = 0; done < size; done += kPage) {
        if (!unmap_page(iova.value + done)) return done;
    }
    return size;
}

std::optional<PhysAddr> TegraSmmuAs::iova_to_phys(Iova iova) {
    const auto found = tables_.find(tegra::directory_index(iova.value));
    if (found == tables_.end() || smmu_ == nullptr) return std::nullopt;
    const std::uint32_t word = found->second.words[tegra::table_index(iova.value)];
    if (word == 0) return std::nullopt;
    return PhysAddr{tegra::word::address(word, smmu_->soc.address_bits) + (iova.value & (kPage - 1))};
}

}  // namespace xlate::kernel
