#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_domain.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "kernel-model/drivers/freed_tables.hpp"
#include "kernel-model/pci/ats.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace ste = iommu::smmuv3::ste;

namespace {

constexpr unsigned kFirstReleaseFinalisedAtAllocation = 609;

constexpr std::uint64_t kMaxRangeNum = 31;  // NUM holds one less than the multiplier

constexpr const char* kTables = "the page tables of an iommu_domain that is freed";
constexpr const char* kContexts = "the context descriptors of an iommu_domain that is freed";

unsigned trailing_zeros(std::uint64_t n) { return log2_floor(n & (~n + 1)); }

smmu::Opcode regime(const ArmSmmuDevice& device, smmu::Opcode el1, smmu::Opcode el2) {
    return device.has(smmu_feature::kHyp) && device.params.e2h ? el2 : el1;
}

}  // namespace

std::vector<smmu::CommandWords> tlb_range_commands(smmu::Opcode opcode, std::uint16_t asid, std::uint64_t iova,
                                                   std::uint64_t size, std::uint64_t granule, unsigned tg_log2,
                                                   bool leaf, bool range_invalidation) {
    std::vector<smmu::CommandWords> commands;
    if (size == 0) return commands;
    const std::uint64_t end = iova + size;
    smmu::TlbiRange range;
    std::uint64_t pages = 0;
    if (range_invalidation) {
        pages = size >> tg_log2;
        range.tg = static_cast<std::uint8_t>((tg_log2 - 10) / 2);
        // A walk flush may take tables of several levels: only leaves have a known one.
        if (leaf) {
            range.ttl = static_cast<std::uint8_t>(4 - (log2_floor(granule) - 3) / (tg_log2 - 3));
        } else if ((pages & kMaxRangeNum) == 1) {
            ++pages;  // NUM, SCALE and TTL all zero would be illegal
        }
    }
    while (iova < end) {
        std::uint64_t step = granule;
        if (range_invalidation) {
            const unsigned scale = trailing_zeros(pages);
            const std::uint64_t number = (pages >> scale) & kMaxRangeNum;
            range.scale = static_cast<std::uint8_t>(scale);
            range.num = static_cast<std::uint8_t>(number - 1);
            step = number << (scale + tg_log2);
            pages -= number << scale;
        }
        commands.push_back(smmu::command::tlbi_address(opcode, 0, asid, iova, leaf, range));
        iova += step;
    }
    return commands;
}

void ArmSmmuMaster::install_ste() {
    const bool abort = smmu->params.disable_bypass && !passes_when_idle;
    const smmu::SteWords entry = domain ? domain->ste(*this) : ArmSmmuStreamTable::unowned(abort);
    std::vector<std::uint32_t> done;
    for (const std::uint32_t sid : sids) {
        // Aliases of a bridged device may list one id twice.
        if (std::find(done.begin(), done.end(), sid) != done.end()) continue;
        done.push_back(sid);
        smmu->strtab.write_strtab_ent(sid, entry);
    }
}

void ArmSmmuMaster::detach() {
    if (!domain) return;
    // The function stops asking before its STE refuses it, and forgets when nothing new can come.
    auto* const pdev = ats_enabled ? dynamic_cast<PciDevice*>(&dev) : nullptr;
    if (pdev != nullptr) pci_disable_ats(*pdev);
    domain->remove(*this);
    domain = {};
    ats_enabled = false;
    install_ste();
    if (pdev != nullptr) atc_inv_master();
}

ArmSmmuDomain::ArmSmmuDomain(Kernel& the_kernel, DomainType domain_type, AsidAllocator& the_asids)
    : IommuDomain(the_kernel, domain_type),
      init_mutex_(the_kernel, "smmu_domain->init_mutex"),
      devices_lock_(the_kernel, "smmu_domain->devices_lock"),
      asids_(the_asids) {}

smmu::SteWords ArmSmmuDomain::ste(const ArmSmmuMaster& master) const {
    if (type == DomainType::blocked) return ArmSmmuStreamTable::unowned(true);
    if (!translates()) return ArmSmmuStreamTable::unowned(false);
    const ArmSmmuDevice& device = *master.smmu;
    const bool e2h = device.has(smmu_feature::kHyp) && device.params.e2h;
    const bool stall_disable =
        device.has(smmu_feature::kStalls) && !device.has(smmu_feature::kStallForce) && !master.stall_enabled;
    const ArmSmmuCdTable& contexts = live(kernel(), cd_table_, kContexts);
    return ArmSmmuStreamTable::stage1(contexts.address(), contexts.cd_max(), contexts.format(),
                                      e2h ? ste::STRW_EL2 : ste::STRW_NSEL1, stall_disable,
                                      master.ats_enabled ? ste::EATS_TRANS : ste::EATS_ABT);
}

int ArmSmmuDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "arm_smmu_attach_dev"};
    const Ptr<DevIommu> param = dev.iommu.read("SMA1");
    if (!param || !param->fwspec.read("SMA2")) return -kENOENT;
    const Ptr<ArmSmmuMaster> master = ptr_cast<ArmSmmuMaster>(param->priv.read("SMA3"));
    ArmSmmuDevice& device = *master->smmu;
    master->detach();
    init_mutex_.lock("SMA4");
    int err = 0;
    if (translates()) {
        if (!smmu_) {
            smmu_ = master->smmu;
            err = finalise(*master);
            if (err != 0) smmu_ = {};
        } else if (smmu_.get() != &device) {
            err = -kEINVAL;
        } else if (live(kernel(), cd_table_, kContexts).cd_max() != master->ssid_bits) {
            err = -kEINVAL;
        }
    }
    if (err == 0) {
        master->domain = Ptr<ArmSmmuDomain>(this);
        master->ats_enabled = translates() && master->ats_supported();
        master->install_ste();
        devices_lock_.lock("SMA5");
        masters_.push_back(master.get());
        if (master->ats_enabled) ++ats_masters_;
        devices_lock_.unlock("SMA6");
        if (master->ats_enabled) master->enable_ats();
    }
    init_mutex_.unlock("SMA7");
    return err;
}

int ArmSmmuDomain::finalise_for(Device& dev) {
    if (kernel().variant.release < kFirstReleaseFinalisedAtAllocation || !translates() || smmu_) return 0;
    const Ptr<ArmSmmuMaster> master = ptr_cast<ArmSmmuMaster>(dev.iommu.read("SMA1").deref("SMA1")->priv.read("SMA3"));
    init_mutex_.lock("SMA4");
    smmu_ = master->smmu;
    const int err = finalise(*master);
    if (err != 0) smmu_ = {};
    init_mutex_.unlock("SMA7");
    return err;
}

void ArmSmmuDomain::remove(const ArmSmmuMaster& master) {
    devices_lock_.lock("SMD1");
    masters_.erase(std::remove(masters_.begin(), masters_.end(), &master), masters_.end());
    if (master.ats_enabled) --ats_masters_;
    devices_lock_.unlock("SMD2");
}

// The hardware's page sizes and the CPU's decide the granule; the input is what the CPU's tables have too.
int ArmSmmuDomain::finalise(const ArmSmmuMaster& master) {
    Frame frame{kernel(), "arm_smmu_domain_finalise"};
    ArmSmmuDevice& device = *smmu_;
    if (!device.has(smmu_feature::kStage1)) return -kEINVAL;  // stage 2 tables are not modelled
    IoPgtableConfig config;
    config.pgsize_bitmap = device.pgsize_bitmap;
    config.ias = std::min(device.has(smmu_feature::kVax) ? 52u : 48u, device.params.va_bits);
    config.oas = device.ias;
    config.coherent_walk = device.has(smmu_feature::kCoherency);
    config.cpu_page_bytes = device.pages.page_bytes();
    auto tables = std::make_unique<Stage1Pgtable>(device.pages, *this, config);
    if (const int err = tables->init(); err != 0) return err;

    const auto asid = asids_.alloc(device.asid_bits);
    auto contexts = std::make_unique<ArmSmmuCdTable>(kernel(), device.pages);
    int err = asid ? contexts->init(master.ssid_bits, device.has(smmu_feature::kTwoLevelCdtab)) : -kENOSPC;
    if (err == 0) {
        const smmu::CdWords words = make_cd(tables->format().registers(tables->root()), *asid, master.stall_enabled);
        err = contexts->write_ctx_desc(
            0, words, [this] { sync_cd(0, true); }, mistaken(Mistake::commands_last));
        if (err != 0) contexts->free();
    }
    if (err != 0) {
        if (asid) asids_.free(*asid);
        tables->free_tables();
        return err;
    }
    asid_ = *asid;
    cd_table_ = std::move(contexts);
    pgtable_ = std::move(tables);
    pgsize_bitmap = pgtable_->pgsize_bitmap();
    table_cost_ = page_table_cost(kernel(), TableKind::arm_64);
    aperture_start = 0;
    aperture_end = low_mask(config.ias);
    coherent_devices_ = master.dev.dma_coherent;
    return 0;
}

// One CFGI_CD for each stream of each master; a bare SYNC while there is none.
void ArmSmmuDomain::sync_cd(std::uint32_t ssid, bool leaf) {
    CommandBatch batch;
    devices_lock_.lock("SMC1");
    for (const ArmSmmuMaster* master : masters_) {
        for (const std::uint32_t sid : master->sids) {
            smmu_->cmdq.batch_add(batch, smmu::command::cfgi_cd(StreamId{sid}, SubstreamId{ssid}, leaf));
        }
    }
    devices_lock_.unlock("SMC2");
    smmu_->cmdq.batch_submit(batch);
}

// Linux arm_smmu_share_asid(), 6.1 to 6.8: the domain gives its ASID away and goes on under another.
void ArmSmmuDomain::change_asid(bool invalidate_cd) {
    Frame frame{kernel(), "arm_smmu_share_asid"};
    const auto asid = asids_.alloc(smmu_->asid_bits);
    if (!asid) return;
    const std::uint16_t before = asid_;
    std::uint64_t word = smmu_->pages.read_u64(cd_table_->cd_address(0));
    word = smmu::cd::ASID.bits().set(word, *asid);
    smmu_->pages.write_u64(cd_table_->cd_address(0), word);
    if (invalidate_cd) sync_cd(0, true);
    asid_ = *asid;
    for (const ArmSmmuMaster* master : masters_) {
        for (const std::uint32_t sid : master->sids) {
            Annotation annotation;
            annotation.kind = Annotation::Kind::cd_installed;
            annotation.iommu = smmu_->base();
            annotation.stream = sid;
            kernel().machine.annotate(annotation);
        }
    }
    const smmu::Opcode opcode = regime(*smmu_, smmu::Opcode::TLBI_NH_ASID, smmu::Opcode::TLBI_EL2_ASID);
    smmu_->cmdq.issue_cmd_with_sync(smmu::command::tlbi(opcode, 0, before));
    asids_.free(before);
}

std::optional<AddressSpace> ArmSmmuDomain::address_space() const {
    if (!pgtable_) return std::nullopt;
    return AddressSpace{smmu_->base(), asid_};
}

int ArmSmmuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    if (!pgtable_) return -kENODEV;
    PageProt prot;
    prot.read = read;
    prot.write = write;
    prot.cacheable = coherent_devices_;
    TableWork work{kernel(), table_cost_};
    const int err = pgtable_->map(iova, paddr, size, prot);
    if (err == 0) work.mapped(*pgtable_, iova, size);
    return err;
}

std::uint64_t ArmSmmuDomain::unmap(Iova iova, std::uint64_t size) {
    if (!pgtable_) return 0;
    IotlbGather& gather = gathers_[kernel().sched.current().id];
    gather = IotlbGather{};
    gather.queued = type == DomainType::dma_fq;
    if (mistaken(Mistake::cd_without_cfgi) && !changed_asid_) {
        changed_asid_ = true;
        change_asid(false);
    }
    if (mistaken(Mistake::split_in_place)) {
        const std::uint64_t page = pgsize_bitmap & (~pgsize_bitmap + 1);
        std::uint64_t done = 0;
        while (done < size && live(kernel(), pgtable_, kTables).unmap(Iova{iova.value + done}, page, gather) == page) {
            done += page;
        }
        return done;
    }
    IoPgtable& tables = live(kernel(), pgtable_, kTables);
    TableWork work{kernel(), table_cost_};
    work.unmaps(tables, iova, size);
    const std::uint64_t done = tables.unmap(iova, size, gather);
    work.unmapped();
    return done;
}

void ArmSmmuDomain::iotlb_sync(Iova, std::uint64_t) {
    const auto pending = gathers_.find(kernel().sched.current().id);
    if (pending == gathers_.end()) return;
    const IotlbGather gather = pending->second;
    gathers_.erase(pending);
    if (gather.pgsize != 0) tlb_sync_gather(gather);
}

void ArmSmmuDomain::tlb_sync_gather(const IotlbGather& gather) {
    Frame frame{kernel(), "arm_smmu_iotlb_sync"};
    if (mistaken(Mistake::unmap_without_tlbi)) return;
    const Wait wait = mistaken(Mistake::return_before_sync)  ? Wait::no
                      : mistaken(Mistake::tlbi_without_sync) ? Wait::no_sync
                                                             : Wait::yes;
    tlb_inv_range(gather.start, gather.end - gather.start + 1, gather.pgsize, true, wait);
}

void ArmSmmuDomain::tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) {
    Frame frame{kernel(), "arm_smmu_tlb_inv_walk"};
    const Wait wait = mistaken(Mistake::table_freed_before_sync) ? Wait::no : Wait::yes;
    tlb_inv_range(iova, size, granule, mistaken(Mistake::leaf_only_walk), wait);
}

void ArmSmmuDomain::tlb_inv_range(std::uint64_t iova, std::uint64_t size, std::uint64_t granule, bool leaf, Wait wait) {
    ArmSmmuDevice& device = *smmu_;
    const smmu::Opcode opcode = regime(device, smmu::Opcode::TLBI_NH_VA, smmu::Opcode::TLBI_EL2_VA);
    // Before the tables are installed the smallest page is not known to the domain, but then nothing is mapped.
    const unsigned tg_log2 = trailing_zeros(live(kernel(), pgtable_, kTables).pgsize_bitmap());
    std::uint16_t asid = asid_;
    if (mistaken(Mistake::wrong_asid)) ++asid;
    const std::uint64_t bytes = size;
    if (mistaken(Mistake::short_range)) size -= granule;
    ArmSmmuCmdq& cmdq = device.get_cmdq();
    CommandBatch batch;
    if (size >> tg_log2 >= device.params.all_from_pages) {
        const smmu::Opcode all = regime(device, smmu::Opcode::TLBI_NH_ASID, smmu::Opcode::TLBI_EL2_ASID);
        batch.add(smmu::command::tlbi(all, 0, asid));
        size = 0;
    }
    const bool by_range = device.has(smmu_feature::kRangeInv) && device.params.range_invalidation;
    for (const smmu::CommandWords& command :
         tlb_range_commands(opcode, asid, iova, size, granule, tg_log2, leaf, by_range)) {
        cmdq.batch_add(batch, command);
    }
    if (wait == Wait::no) batch.add(smmu::command::sync(smmu::cmd::CS_NONE));
    if (wait == Wait::yes) {
        cmdq.batch_submit(batch);
    } else {
        cmdq.issue(batch.commands, false);
    }
    // Only now: an endpoint may have asked, and been answered, for as long as the TLBs knew.
    atc_inv_domain(iova, bytes);
}

void ArmSmmuDomain::flush_iotlb_all() {
    if (!pgtable_ || mistaken(Mistake::flush_without_tlbi)) return;
    Frame frame{kernel(), "arm_smmu_flush_iotlb_all"};
    const smmu::Opcode opcode = regime(*smmu_, smmu::Opcode::TLBI_NH_ASID, smmu::Opcode::TLBI_EL2_ASID);
    smmu_->get_cmdq().issue_cmd_with_sync(smmu::command::tlbi(opcode, 0, asid_));
    atc_inv_domain(0, 0);
}

std::optional<PhysAddr> ArmSmmuDomain::iova_to_phys(Iova iova) {
    if (!translates()) return PhysAddr{iova.value};
    return pgtable_ ? pgtable_->iova_to_phys(iova) : std::nullopt;
}

void ArmSmmuDomain::free() {
    if (!pgtable_) return;
    flush_iotlb_all();
    if (!pgtable_) return;  // freed twice, and the other one was here meanwhile: the heap says so
    // Another task may still be in them, which is its bug: they end with the domain's object.
    freed_tables_.push_back(std::move(pgtable_));
    freed_tables_.back()->free_tables();
    freed_contexts_.push_back(std::move(cd_table_));
    freed_contexts_.back()->free();
    asids_.free(asid_);
    smmu_ = {};
}

}  // namespace xlate::kernel
