#include "kernel-model/drivers/exynos/sysmmu.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/exynos/exynos_domain.hpp"

namespace xlate::kernel {

namespace ex = iommu::exynos;
namespace reg = iommu::exynos::reg;

namespace {

constexpr unsigned kBlockReads = 120;
constexpr std::uint32_t kMostSets = 64;  ///< of version 2's TLB
constexpr std::uint32_t kPage = std::uint32_t{1} << ex::kPageBits;
constexpr std::uint32_t kPageMask = ~(kPage - 1);

/// A string of a list of strings.
bool lists(const firmware::Node& node, std::string_view property, std::string_view wanted) {
    const firmware::Property* const found = node.property(property);
    if (found == nullptr) return false;
    const std::string_view text(reinterpret_cast<const char*>(found->bytes.data()), found->bytes.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\0', at), text.size());
        if (text.substr(at, end - at) == wanted) return true;
        at = end + 1;
    }
    return false;
}

}  // namespace

void report_endless_list(Kernel& kernel, const std::string& list, const char* step) {
    Report report;
    report.kind = ReportKind::hung_task;
    report.what = "hard LOCKUP: " + list + " has no end";
    report.detail = "a SysMMU that two masters name is in the lists of both";
    report.place = place_of(kernel.sched.current_or_null(), step);
    kernel.reports.oops(std::move(report));
}

void ExynosIommuOwner::endless(const char* step) { report_endless_list(kernel(), "owner->controllers", step); }

SysmmuDrvdata::SysmmuDrvdata(Kernel& the_kernel, Device& the_sysmmu, RuntimePm& the_power, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "sysmmu_drvdata"),
      sysmmu(the_sysmmu),
      power(the_power),
      mistakes(the_mistakes),
      prefix("exynos-sysmmu " + the_sysmmu.name),
      master(*this, "data->master"),
      owner_node(*this),
      lock(the_kernel, "data->lock"),
      domain_node(*this),
      irq_(the_kernel, "irq/" + the_sysmmu.name, 0) {}

std::uint32_t SysmmuDrvdata::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(sfrbase + offset, 4));
}
void SysmmuDrvdata::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(sfrbase + offset, 4, value);
}

int SysmmuDrvdata::find_resources(const firmware::Node& node) {
    if (node.regs.empty()) return -kEINVAL;
    sfrbase = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    if (node.interrupts.empty()) return -kENXIO;
    const auto clock = [&](std::string_view name) { return node.has("clocks") && lists(node, "clock-names", name); };
    if (!clock("sysmmu") && !(clock("aclk") && clock("pclk"))) {
        kernel().console.err(prefix, "Failed to get device clock(s)!");
        return -kENOSYS;
    }
    return 0;
}

void SysmmuDrvdata::request_irq(const firmware::Node& node) {
    kernel().machine.connect_interrupt(*sysmmu.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { exynos_sysmmu_irq(); }));
}

void SysmmuDrvdata::get_version() {
    Frame frame{kernel(), "__sysmmu_get_version"};
    version = ex::version_of(read(reg::VERSION));
    if (version.major() < 7) return;
    if (!ex::capa::CAPA1_EXISTS.test(read(reg::CAPA0))) return;
    has_vcr = ex::capa::VM_REGISTERS.test(read(reg::CAPA1));
}

bool SysmmuDrvdata::sysmmu_block() {
    Frame frame{kernel(), "sysmmu_block"};
    write(reg::CTRL, ex::ctrl::kBlock);
    const auto blocked = [this] { return ex::status::BLOCKED.test(read(reg::STATUS)); };
    for (unsigned i = kBlockReads; i > 0 && !blocked();) --i;
    if (blocked()) return true;
    sysmmu_unblock();
    return false;
}
void SysmmuDrvdata::sysmmu_unblock() { write(reg::CTRL, ex::ctrl::kEnable); }

void SysmmuDrvdata::do_sysmmu_tlb_invalidate() { write(variant().flush_all, 1); }

// A range from version 5 on, which no caller asks for: only version 2 has more than one page to drop.
void SysmmuDrvdata::do_sysmmu_tlb_invalidate_entry(std::uint32_t iova, std::uint32_t num_inv) {
    if (version.major() < 5 || num_inv == 1) {
        for (std::uint32_t i = 0; i < num_inv; ++i) {
            write(variant().flush_entry, (iova & kPageMask) | ex::kFlushOne);
            iova += kPage;
        }
        return;
    }
    write(variant().flush_start, iova & kPageMask);
    write(variant().flush_end, (iova & kPageMask) + (num_inv - 1) * kPage);
    write(variant().flush_range, 1);
}

void SysmmuDrvdata::do_sysmmu_init_config() {
    using namespace ex::cfg;
    constexpr std::uint64_t kMostUrgent = 15;
    std::uint64_t cfg = QOS.of(kMostUrgent) | EAP.of(1);
    if (!version.at_least(3, 2)) {
        cfg |= LRU.of(1);
    } else if (version.raw == ex::make_version(3, 2).raw) {
        cfg |= LRU.of(1) | FLPDCACHE.of(1) | SYSSEL.of(1);
    } else {
        cfg |= FLPDCACHE.of(1) | ACGEN.of(1);
    }
    write(reg::CFG, static_cast<std::uint32_t>(cfg));
}

void SysmmuDrvdata::do_sysmmu_set_ptbase() {
    write(variant().pt_base, ex::pt_base(pgtable, ex::words_of(version)));
    if (!mistakes.has(Mistake::attach_without_zap)) do_sysmmu_tlb_invalidate();
}

void SysmmuDrvdata::do_sysmmu_enable_vid() {
    if (version.major() < 7 || !has_vcr) return;
    const std::uint64_t ctrl = read(reg::CTRL_VM);
    write(reg::CTRL_VM, static_cast<std::uint32_t>(ctrl | ex::ctrl_vm::ENABLE.of(1) | ex::ctrl_vm::FAULT_STALLS.of(1)));
}

void SysmmuDrvdata::do_sysmmu_enable() {
    Frame frame{kernel(), "__sysmmu_enable"};
    lock.lock("EXE1");
    write(reg::CTRL, ex::ctrl::kBlock);
    do_sysmmu_init_config();
    do_sysmmu_set_ptbase();
    do_sysmmu_enable_vid();
    write(reg::CTRL, ex::ctrl::kEnable);
    active = true;
    annotate_flushed();
    lock.unlock("EXE2");
}

// Whatever changed while it was off is in no cache.
void SysmmuDrvdata::annotate_flushed() {
    Annotation annotation;
    annotation.kind = Annotation::Kind::flushed;
    annotation.iommu = sfrbase;
    annotation.since = kernel().now();
    kernel().machine.annotate(annotation);
}

void SysmmuDrvdata::do_sysmmu_disable() {
    Frame frame{kernel(), "__sysmmu_disable"};
    lock.lock("EXD1");
    write(reg::CTRL, ex::ctrl::kDisable);
    write(reg::CFG, 0);
    active = false;
    lock.unlock("EXD2");
}

// Version 2 keeps a large page in any of sixteen sets, a section in any of all: each is asked.
void SysmmuDrvdata::sysmmu_tlb_invalidate_entry(std::uint32_t iova, std::uint64_t size) {
    Frame frame{kernel(), "sysmmu_tlb_invalidate_entry"};
    lock.lock("EXF1");
    if (active) {
        std::uint32_t num_inv = 1;
        if (version.major() == 2) {
            num_inv = static_cast<std::uint32_t>(std::min<std::uint64_t>(size >> ex::kPageBits, kMostSets));
        }
        if (sysmmu_block()) {
            do_sysmmu_tlb_invalidate_entry(iova, num_inv);
            sysmmu_unblock();
        }
    }
    lock.unlock("EXF2");
}

// The link to the table of zeros may be cached where version 3.3 and later have read ahead.
void SysmmuDrvdata::sysmmu_tlb_invalidate_flpdcache(std::uint32_t iova) {
    Frame frame{kernel(), "sysmmu_tlb_invalidate_flpdcache"};
    lock.lock("EXF3");
    if (active && version.at_least(3, 3) && sysmmu_block()) {
        if (version.major() >= 5) {
            do_sysmmu_tlb_invalidate();
        } else {
            do_sysmmu_tlb_invalidate_entry(iova, 1);
        }
        sysmmu_unblock();
    }
    lock.unlock("EXF4");
}

// The locks of runtime PM and of device links stand between of_xlate and these two.
int SysmmuDrvdata::resume() {
    Frame frame{kernel(), "exynos_sysmmu_resume"};
    Device* const dev = master.peek();
    if (dev == nullptr) return 0;
    const Ptr<ExynosIommuOwner> owner = owner_of(*dev, "EXR2");
    owner.deref("EXR2")->rpm_lock.lock("EXR2");
    if (domain != nullptr) do_sysmmu_enable();
    owner.deref("EXR3")->rpm_lock.unlock("EXR3");
    return 0;
}

void SysmmuDrvdata::suspend() {
    Frame frame{kernel(), "exynos_sysmmu_suspend"};
    Device* const dev = master.peek();
    if (dev == nullptr) return;
    const Ptr<ExynosIommuOwner> owner = owner_of(*dev, "EXS2");
    owner.deref("EXS2")->rpm_lock.lock("EXS2");
    if (domain != nullptr) do_sysmmu_disable();
    owner.deref("EXS3")->rpm_lock.unlock("EXS3");
}

std::optional<SysmmuDrvdata::FaultInfo> SysmmuDrvdata::get_fault_info(unsigned bit) {
    using namespace ex::interrupt;
    if (version.major() < 5) {
        static constexpr struct {
            std::uint32_t address;
            const char* name;
            bool write;
        } kFaults[] = {
            {reg::PAGE_FAULT_ADDR, "PAGE", false},
            {reg::AR_FAULT_ADDR, "MULTI-HIT", false},
            {reg::AW_FAULT_ADDR, "MULTI-HIT", true},
            {reg::DEFAULT_SLAVE_ADDR, "BUS ERROR", false},
            {reg::AR_FAULT_ADDR, "SECURITY PROTECTION", false},
            {reg::AR_FAULT_ADDR, "ACCESS PROTECTION", false},
            {reg::AW_FAULT_ADDR, "SECURITY PROTECTION", true},
            {reg::AW_FAULT_ADDR, "ACCESS PROTECTION", true},
        };
        if (bit >= std::size(kFaults)) return std::nullopt;
        return FaultInfo{kFaults[bit].name, kFaults[bit].write, read(kFaults[bit].address)};
    }
    if (version.major() < 7) {
        static constexpr const char* kNames[] = {"PTW", "PAGE", "MULTI-HIT", "ACCESS PROTECTION",
                                                 "SECURITY PROTECTION"};
        const bool write = bit >= V5_WRITE;
        const unsigned number = write ? bit - V5_WRITE : bit;
        if (number >= std::size(kNames)) return std::nullopt;
        return FaultInfo{kNames[number], write, read(write ? reg::FAULT_AW_VA : reg::FAULT_AR_VA)};
    }
    static constexpr const char* kNames[] = {"PTW", "PAGE", "ACCESS PROTECTION", "RESERVED"};
    const std::uint32_t info = read(variant().fault_info);
    return FaultInfo{kNames[bit % V7_FAULTS], INFO_WRITE.test(info), read(variant().fault_va)};
}

// No client of ours installs a handler for faults, and without one Linux gives up: the SysMMU is never unblocked.
void SysmmuDrvdata::exynos_sysmmu_irq() {
    Frame frame{kernel(), "exynos_sysmmu_irq"};
    if (!active) kernel().reports.warn("exynos_sysmmu_irq: !data->active", "EXI1");
    lock.lock("EXI1");
    const std::uint32_t causes = read(variant().int_status);
    if (causes == 0) {
        // Linux looks for the lowest of no bits.
        lock.unlock("EXI2");
        return;
    }
    const unsigned bit = log2_floor(causes & (~causes + 1));
    if (const auto fault = get_fault_info(bit)) {
        Device* const dev = master.peek();
        kernel().console.err(prefix, "{}: [{}] {} FAULT occurred at {:#x}", dev == nullptr ? "(null)" : dev->name,
                             fault->write ? "WRITE" : "READ", fault->name, fault->address);
        Report report;
        report.kind = ReportKind::hung_task;
        report.what = "Kernel panic - not syncing: Unrecoverable System MMU Fault!";
        report.detail = fmt::format("{}: {} fault at {:#x}", sysmmu.name, fault->name, fault->address);
        report.device = dev == nullptr ? std::string{} : dev->name;
        report.place.step = "EXI3";
        kernel().reports.oops(std::move(report));
    }
    kernel().console.err(prefix, "Unhandled interrupt bit {}", bit);
    write(variant().int_clear, std::uint32_t{1} << bit);
    sysmmu_unblock();
    lock.unlock("EXI4");
}

}  // namespace xlate::kernel
