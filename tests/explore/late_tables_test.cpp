// X15's second half on the driver's table code alone: a context descriptor is written, and at once the entry of the
// stream table that names it, while the stream accesses memory. Linux's 6fabce53f6b9 (7.1) puts a barrier before the
// entry. It matters where no command, and so no register write, comes before the entry's first word; the driver here
// gives one, so that it takes a driver that writes the first word at once.
#include <catch2/catch.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "explore/machine/execution.hpp"
#include "explore/search/dpor.hpp"
#include "iommu/smmuv3/layout_registers.hpp"
#include "iommu/smmuv3/smmu.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_contexts.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_stream_table.hpp"
#include "kernel-model/iommu-core/variant.hpp"

using namespace xlate;
using namespace xlate::explore;
namespace smmu = xlate::iommu::smmuv3;

namespace {

constexpr PhysAddr kRegisters{0x9050000};
constexpr std::uint32_t kStream = 1;
constexpr unsigned kStreamBits = 5;

firmware::Description board() {
    firmware::Description made;
    made.nodes.emplace_back();
    firmware::Node node;
    node.name = "smmu";
    node.path = "/smmu";
    firmware::Reg registers;
    registers.address = kRegisters.value;
    registers.cpu_address = kRegisters.value;
    registers.size = 0x20000;
    node.regs = {registers};
    made.nodes.push_back(std::move(node));
    made.memory = {{0x40000000, 0x10000000}};
    return made;
}
constexpr firmware::NodeIndex kNode{1};

struct TablesWorld : World {
    TablesWorld(kernel::Kernel& kernel, const firmware::Description& firmware, const kernel::Mistakes& mistakes)
        : k(kernel),
          description(firmware),
          pages(kernel, firmware),
          cmdq(kernel, pages, "smmu"),
          table(kernel, pages, cmdq, "smmu", mistakes) {}

    void connect(Hardware& of_run) override {
        smmu::SmmuParams params;
        params.features = smmu::qemu_like();
        params.features.sidsize = kStreamBits;
        params.features.cmdqs = 7;
        hardware = &of_run;
        of_run.add(kNode, description.node(kNode), std::make_unique<smmu::Smmu>(params));
    }
    void before() override {
        REQUIRE(cmdq.init(kRegisters, 7) == 0);
        REQUIRE(table.init(kStreamBits, false, true) == 0);
        descriptor = *pages.alloc_zeroed(4096);
        const PhysAddr root = *pages.alloc_zeroed(4096);
        kernel::Stage1Registers stage1;
        stage1.ttbr = root.value;
        stage1.t0sz = 16;
        stage1.tg0 = kernel::granule_code(smmu::Granule::k4);
        stage1.ips = kernel::output_size_code(40);
        words = kernel::make_cd(stage1, 1, false);
        const auto write = [&](std::uint32_t offset, unsigned size, std::uint64_t value) {
            k.machine.mmio_write(kRegisters + offset, size, value);
        };
        write(smmu::reg::STRTAB_BASE, 8, table.base_register());
        write(smmu::reg::STRTAB_BASE_CFG, 4, table.config_register());
        write(smmu::reg::CMDQ_BASE, 8, cmdq.base_register());
        write(smmu::reg::CR0, 4, smmu::cr0::CMDQEN.mask());
        write(smmu::reg::CR0, 4, smmu::cr0::CMDQEN.mask() | smmu::cr0::SMMUEN.mask());
    }
    void start() override {
        k.spawn("attach", 0, [this] {
            pages.write_words(descriptor, words.data(), words.size());
            table.write_strtab_ent(kStream, kernel::ArmSmmuStreamTable::stage1(descriptor.value, 0, 0, 0, false, 0));
        });
        k.spawn("device", 1, [this] {
            k.sched.point({kernel::PointKind::mmio, "DMA", (kernel::Resource{7} << 61) | kernel::kFieldBits, "memory"});
            seen = hardware->access(kNode, StreamId{kStream}, Iova{0x1000}, false).text();
        });
    }
    std::string outcome() const override { return seen; }

    kernel::Kernel& k;
    const firmware::Description& description;
    kernel::PageAllocator pages;
    kernel::ArmSmmuCmdq cmdq;
    kernel::ArmSmmuStreamTable table;
    Hardware* hardware = nullptr;
    PhysAddr descriptor{};
    smmu::CdWords words{};
    std::string seen;
};

class Tables : public Program {
public:
    Tables(const std::string& variant, bool mistaken, bool late)
        : variant_(kernel::find_variant(variant)), late_(late), description_(board()) {
        if (mistaken) mistakes_.add(kernel::Mistake::ste_valid_first);
    }
    std::string name() const override { return "tables"; }
    const kernel::Variant& variant() const override { return variant_; }
    std::unique_ptr<World> make(kernel::Kernel& kernel) const override {
        return std::make_unique<TablesWorld>(kernel, description_, mistakes_);
    }
    bool late_stores() const override { return late_; }

private:
    kernel::Variant variant_;
    bool late_;
    firmware::Description description_;
    kernel::Mistakes mistakes_;
};

/// What the device met, over all traces.
std::set<std::string> met(const std::string& variant, bool mistaken, bool late) {
    const Tables program(variant, mistaken, late);
    Execution execution(program, {});
    Dpor dpor(true);
    std::set<std::string> found;
    while (dpor.next() != Dpor::Next::closed) {
        const RunResult result = execution.run(dpor);
        dpor.finished(result);
        if (result.end == RunEnd::complete) found.insert(result.outcome);
        REQUIRE(dpor.traces() < 100'000);
    }
    return found;
}

bool meets(const std::set<std::string>& found, const std::string& fault) {
    for (const std::string& one : found) {
        if (one.find(fault) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("late accesses: a stream table's entry is seen before what it names (X15), and not with the barrier",
          "[explore][store]") {
    CHECK(meets(met("linux-7.0", true, true), "C_BAD_CD"));
    CHECK_FALSE(meets(met("linux-7.1", true, true), "C_BAD_CD"));
    CHECK_FALSE(meets(met("linux-7.0", true, false), "C_BAD_CD"));
    // A command before the first word orders all of it.
    CHECK_FALSE(meets(met("linux-7.0", false, true), "C_BAD_CD"));
    // It runs: the page table is empty.
    CHECK(meets(met("linux-7.1", true, true), "F_TRANSLATION"));
}
