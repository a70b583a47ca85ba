#include "kernel-model/drivers/intel/intel_iommu_unit.hpp"

#include <algorithm>

#include "kernel-model/core/errno.hpp"

namespace xlate::kernel {

namespace vt = iommu::vtd;
namespace reg = iommu::vtd::reg;
namespace gcmd = iommu::vtd::gcmd;

namespace {

/// DMAR_OPERATION_TIMEOUT is ten seconds of the cycle counter; a unit that never answers is a panic in Linux.
constexpr std::uint64_t kMaxLooks = 1'000'000;
constexpr SimTime kCpuRelax = ns(20);
constexpr std::uint32_t kIrTableSizeCode = 0xF;  ///< INTR_REMAP_TABLE_REG_SIZE: 65536 entries
constexpr std::uint64_t kIrTableBytes = std::uint64_t{1} << 20;
constexpr std::uint32_t kFirstDeviceVector = 0x21, kDeviceVectors = 200;
constexpr std::uint16_t kFirstLevelDid = 1;  ///< FLPT_DEFAULT_DID
/// What a vector of the first CPU's local APIC looks like as a message.
constexpr std::uint32_t kMessageAddress = 0xFEE00000, kFirstVector = 0x20;

}  // namespace

IntelIommu::IntelIommu(Kernel& the_kernel, firmware::NodeIndex the_node, PhysAddr registers, std::uint16_t the_segment,
                       unsigned sequence, PageAllocator& the_pages, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "intel_iommu"),
      node(the_node),
      regs(registers),
      segment(the_segment),
      seq_id(sequence),
      name("dmar" + std::to_string(sequence)),
      pages(the_pages),
      mistakes(the_mistakes),
      q_lock_(the_kernel, "qi->q_lock", name),
      register_lock_(the_kernel, "iommu->register_lock", name),
      lock_(the_kernel, "iommu->lock", name) {}

std::uint32_t IntelIommu::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regs + offset, 4));
}
std::uint64_t IntelIommu::read64(std::uint32_t offset) { return kernel().machine.mmio_read(regs + offset, 8); }
void IntelIommu::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + offset, 4, value);
}
void IntelIommu::write64(std::uint32_t offset, std::uint64_t value) {
    kernel().machine.mmio_write(regs + offset, 8, value);
}

int IntelIommu::alloc_iommu() {
    Frame frame{kernel(), "alloc_iommu"};
    cap = read64(reg::CAP);
    ecap = read64(reg::ECAP);
    if ((cap == ~std::uint64_t{0} && ecap == ~std::uint64_t{0}) || (cap == 0 && ecap == 0)) {
        kernel().console.warn("DMAR", "Your BIOS is broken; DMAR reported at address {:x} returns all {}!", regs.value,
                              cap == 0 ? "zeros" : "ones");
        return -kENXIO;
    }
    // iommu_calculate_agaw: the most levels that there are.
    for (unsigned candidate = 5; candidate >= 3 && levels == 0; --candidate) {
        if ((vt::cap::SAGAW.get(cap) >> (candidate - 2) & 1) != 0) levels = candidate;
    }
    if (levels == 0) {
        kernel().console.err("DMAR", "Cannot get a valid agaw for iommu (seq_id = {})", seq_id);
        return -kEINVAL;
    }
    const std::uint32_t version = read(reg::VER);
    kernel().console.info("DMAR", "{}: reg_base_addr {:x} ver {}:{} cap {:x} ecap {:x}", name, regs.value,
                          version >> 4 & 0xF, version & 0xF, cap, ecap);
    // Reflect what firmware has left on.
    const std::uint32_t status = read(reg::GSTS);
    for (const Field& bit : {gcmd::IRE, gcmd::TE, gcmd::QIE}) {
        if (bit.test(status)) gcmd_ |= static_cast<std::uint32_t>(bit.mask());
    }
    domain_ids_.assign(std::size_t{1} << (4 + 2 * vt::cap::ND.get(cap)), false);
    // 0 marks entries that are not present (caching mode), and contexts that were never set.
    domain_ids_[0] = true;
    return 0;
}

std::uint16_t IntelIommu::alloc_domain_id() {
    lock_.lock("IID1");
    if (scalable) domain_ids_[kFirstLevelDid] = true;
    const auto found = std::find(domain_ids_.begin(), domain_ids_.end(), false);
    std::uint16_t did = 0;
    if (found == domain_ids_.end()) {
        kernel().console.err("DMAR", "{}: No free domain ids", name);
    } else {
        *found = true;
        did = static_cast<std::uint16_t>(found - domain_ids_.begin());
    }
    lock_.unlock("IID2");
    return did;
}

void IntelIommu::free_domain_id(std::uint16_t did) {
    lock_.lock("IID3");
    domain_ids_[did] = false;
    lock_.unlock("IID4");
}

/// A bit of GCMD, and its answer in GSTS.
void IntelIommu::command(Field bit, bool on) {
    const bool one_shot = (bit.mask() & gcmd::kKept) == 0;
    register_lock_.lock("IIC1");
    if (!one_shot) gcmd_ = static_cast<std::uint32_t>(bit.set(gcmd_, on ? 1 : 0));
    write(reg::GCMD, one_shot ? gcmd_ | static_cast<std::uint32_t>(bit.mask()) : gcmd_);
    for (std::uint64_t looks = 0; looks < kMaxLooks; ++looks) {
        if (bit.test(read(reg::GSTS)) == on) break;
        kernel().machine.pass(kCpuRelax);
    }
    register_lock_.unlock("IIC2");
}

int IntelIommu::iommu_alloc_root_entry() {
    Frame frame{kernel(), "iommu_alloc_root_entry"};
    const auto page = pages.alloc_zeroed(4096);
    if (!page) {
        kernel().console.err("DMAR", "Allocating root entry for {} failed", name);
        return -kENOMEM;
    }
    root_ = *page;
    return 0;
}

// The unit's caches may hold anything: all of them are flushed, unless the hardware does it with the pointer.
void IntelIommu::iommu_set_root_entry() {
    Frame frame{kernel(), "iommu_set_root_entry"};
    write64(reg::RTADDR, root_.value | vt::rtaddr::TTM.of(scalable ? vt::rtaddr::SCALABLE : vt::rtaddr::LEGACY));
    command(gcmd::SRTP, true);
    if (vt::cap::ESRTPS.test(cap)) return;
    qi_flush_context(0, 0, 0, vt::qi::GLOBAL);
    if (scalable) qi_flush_pasid_cache(0, vt::qi::PC_GLOBAL, 0);
    qi_flush_iotlb(0, 0, 0, false, vt::qi::GLOBAL);
}

void IntelIommu::iommu_enable_translation() {
    Frame frame{kernel(), "iommu_enable_translation"};
    command(gcmd::TE, true);
}

void IntelIommu::iommu_disable_translation() {
    Frame frame{kernel(), "iommu_disable_translation"};
    command(gcmd::TE, false);
}

void IntelIommu::iommu_disable_protect_mem_regions() {
    Frame frame{kernel(), "iommu_disable_protect_mem_regions"};
    if (!vt::cap::PLMR.test(cap) && !vt::cap::PHMR.test(cap)) return;
    register_lock_.lock("IIP1");
    write(reg::PMEN, static_cast<std::uint32_t>(vt::pmen::EPM.set(read(reg::PMEN), 0)));
    for (std::uint64_t looks = 0; looks < kMaxLooks && vt::pmen::PRS.test(read(reg::PMEN)); ++looks) {
        kernel().machine.pass(kCpuRelax);
    }
    register_lock_.unlock("IIP2");
}

void IntelIommu::dmar_set_interrupt() {
    Frame frame{kernel(), "dmar_set_interrupt"};
    if (!irqs_.empty()) return;
    irqs_.emplace_back(kernel(), "irq/" + std::to_string(kFirstVector + seq_id) + "-" + name, 0);
    kernel().machine.connect_interrupt(node, "fault", irqs_.back().entry([this] { dmar_fault(); }));
    // dmar_msi_write, dmar_msi_unmask
    register_lock_.lock("IIS1");
    write(reg::FEDATA, kFirstVector + seq_id);
    write(reg::FEADDR, kMessageAddress);
    write(reg::FEUADDR, 0);
    write(reg::FECTL, 0);
    read(reg::FECTL);
    register_lock_.unlock("IIS2");
}

std::optional<PhysAddr> IntelIommu::iommu_context_addr(std::uint16_t source, bool alloc) {
    const std::uint16_t devfn = source & 0xFF;
    PhysAddr entry = root_ + std::uint64_t{static_cast<std::uint32_t>(source) >> 8} * vt::kRootEntryBytes;
    const bool upper = scalable && devfn >= 0x80;
    if (upper) entry = entry + 8;
    std::uint64_t word = pages.read_u64(entry);
    if (!vt::root::P.test(word)) {
        if (!alloc) return std::nullopt;
        const auto page = pages.alloc_zeroed(4096);
        if (!page) return std::nullopt;
        word = page->value | vt::root::P.of(1);
        pages.write_u64(entry, word);
    }
    const std::uint32_t index = scalable ? devfn & 0x7FU : devfn;
    const std::uint32_t bytes = scalable ? vt::kScalableContextBytes : vt::kContextEntryBytes;
    return PhysAddr{vt::root::table(word)} + std::uint64_t{index} * bytes;
}

int IntelIommu::intel_setup_irq_remapping() {
    Frame frame{kernel(), "intel_setup_irq_remapping"};
    ir_table_ = pages.alloc_zeroed(kIrTableBytes);
    if (!ir_table_) {
        kernel().console.err("DMAR-IR", "IR{}: failed to allocate pages of order 8", seq_id);
        return -kENOMEM;
    }
    return 0;
}

void IntelIommu::iommu_set_irq_remapping() {
    Frame frame{kernel(), "iommu_set_irq_remapping"};
    write64(reg::IRTA, ir_table_->value | kIrTableSizeCode);
    command(gcmd::SIRTP, true);
    if (!vt::cap::ESIRTPS.test(cap)) qi_global_iec();
}

// Compatibility-format messages are blocked from now on (CFI stays clear).
void IntelIommu::iommu_enable_irq_remapping() {
    Frame frame{kernel(), "iommu_enable_irq_remapping"};
    command(gcmd::IRE, true);
    if (gcmd::CFI.test(read(reg::GSTS))) command(gcmd::CFI, false);
}

// The message's source is checked whole (set_msi_sid). The second word is there before the first says that it is.
std::optional<std::uint32_t> IntelIommu::alloc_irte(std::uint16_t source, unsigned cpu) {
    Frame frame{kernel(), "intel_irq_remapping_alloc"};
    if (!ir_table_ || next_irte_ == kIrTableBytes / vt::kIrteBytes) return std::nullopt;
    const std::uint32_t index = next_irte_++;
    if (mistakes.has(Mistake::irte_not_written)) return index;
    const PhysAddr at = *ir_table_ + std::uint64_t{index} * vt::kIrteBytes;
    pages.write_u64(at + 8, vt::irte::SID.of(source) | vt::irte::SVT.of(vt::irte::CHECK_SID));
    pages.write_u64(at, vt::irte::P.of(1) | vt::irte::V.of(kFirstDeviceVector + index % kDeviceVectors) |
                            vt::irte::XAPIC_DST.of(cpu));
    qi_flush_iec(index);
    return index;
}

}  // namespace xlate::kernel
