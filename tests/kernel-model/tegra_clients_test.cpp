// Tegra's graphics behind tegra-smmu on arm64, where every default domain is identity: host1x has a domain of its own,
// displays and engines share one, attached when the last of them is bound; what they map is what the hardware
// translates. Source: kernel-model/clients/tegra_clients.hpp.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "iommu/tegra/layout_socs.hpp"
#include "iommu/tegra/tegra_smmu.hpp"
#include "iommu/untimed.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/system.hpp"
#include "tests/kernel-model/booted.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace tg = xlate::iommu::tegra;
using iommu::StepKind;

namespace {

constexpr std::uint64_t kController = 0x70019000;
constexpr unsigned kHc = 6, kDc = 1, kDcb = 2, kVic = 24;  // swgroups

class TegraMachine final : public ImmediateMachine {
public:
    TegraMachine() : cpu(memory), smmu(parameters()), untimed(smmu, cpu) {}
    static tg::Parameters parameters() {
        tg::Parameters made;
        made.soc = tg::soc_of("nvidia,tegra210-mc");
        return made;
    }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        return inside(address) ? untimed.read_register(address.value - kController, size) : 0;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        if (inside(address)) untimed.write_register(address.value - kController, size, value);
    }
    static bool inside(PhysAddr address) { return address.value - kController < tg::kRegisterBytes; }

    MachineMemory cpu;
    tg::TegraSmmu smmu;
    iommu::Untimed untimed;
};

/// A host with two displays (one group of the SoC's) and an engine below it.
firmware::Description board(bool host_behind) {
    firmware::Description made;
    made.memory = {{0x80000000, 0x40000000}};
    firmware::Node root;
    root.path = "/";
    made.nodes.push_back(root);
    const auto add = [&](const char* name, const char* compatible, std::uint64_t base, firmware::NodeIndex parent,
                         std::optional<std::uint32_t> swgroup) {
        firmware::Node node;
        node.name = fmt::format("{}@{:x}", name, base);
        firmware::Node& above = made.nodes[static_cast<std::size_t>(parent)];
        node.path = (above.path == "/" ? "" : above.path) + "/" + node.name;
        node.compatible = {compatible};
        firmware::Reg reg;
        reg.address = base;
        reg.cpu_address = base;
        reg.size = 0x1000;
        node.regs.push_back(reg);
        node.parent = parent;
        if (swgroup) {
            firmware::IommuEntry entry;
            entry.provider = firmware::NodeIndex{1};
            entry.args = {*swgroup};
            node.has_iommus = true;
            node.iommus.push_back(entry);
        } else if (node.compatible.front() == "nvidia,tegra210-mc") {
            node.iommu_cells = 1;
            node.interrupts.resize(1);
        }
        above.children.push_back(static_cast<firmware::NodeIndex>(made.nodes.size()));
        made.nodes.push_back(std::move(node));
        return static_cast<firmware::NodeIndex>(made.nodes.size() - 1);
    };
    add("memory-controller", "nvidia,tegra210-mc", kController, firmware::NodeIndex{}, std::nullopt);
    const firmware::NodeIndex host = add("host1x", "nvidia,tegra210-host1x", 0x50000000, firmware::NodeIndex{},
                                         host_behind ? std::optional<std::uint32_t>(kHc) : std::nullopt);
    add("dc", "nvidia,tegra210-dc", 0x54200000, host, kDc);
    add("dc", "nvidia,tegra210-dc", 0x54240000, host, kDcb);
    add("vic", "nvidia,tegra210-vic", 0x54340000, host, kVic);
    return made;
}

constexpr const char* kNames[] = {"50000000.host1x", "54200000.dc", "54240000.dc", "54340000.vic"};

struct Boot : Booted<TegraMachine> {
    explicit Boot(const std::string& variant_name, bool host_behind = true)
        : Booted(board(host_behind), variant_name, config()) {
        start();
    }
    static BootConfig config() {
        BootConfig made;
        made.arch = Arch::arm64;
        made.traffic = plans_of({kNames[0], kNames[1], kNames[2], kNames[3]}, 64 << 10);
        return made;
    }
    std::optional<std::uint64_t> translate(unsigned swgroup, std::uint64_t address) {
        const iommu::Step step = machine.untimed.translate(request(swgroup, address));
        return step.kind == StepKind::done ? std::optional<std::uint64_t>(step.result.pa.value) : std::nullopt;
    }
};

}  // namespace

TEST_CASE("tegra clients: host1x and the displays translate through domains of their own on arm64",
          "[kernel-model][tegra]") {
    Boot run(GENERATE(as<std::string>{}, "linux-6.12", "linux-6.1"));
    for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
    const std::map<std::string, unsigned> swgroups{
        {kNames[0], kHc}, {kNames[1], kDc}, {kNames[2], kDcb}, {kNames[3], kVic}};
    for (const auto& [name, swgroup] : swgroups) {
        INFO(name);
        const Ptr<IommuDomain> domain = run.domain(name.c_str());
        REQUIRE(domain);
        CHECK(domain->type == DomainType::unmanaged);
        const std::vector<DmaBuffer> buffers = run.buffers(name);
        REQUIRE_FALSE(buffers.empty());
        for (const DmaBuffer& buffer : buffers) {
            const std::uint64_t at = buffer.iova.value + 0x104;
            CHECK(run.translate(swgroup, at) == domain->iova_to_phys(Iova{at})->value);
        }
    }
    CHECK(run.domain(kNames[1]) == run.domain(kNames[2]));
    CHECK(run.domain(kNames[1]) == run.domain(kNames[3]));
    CHECK_FALSE(run.domain(kNames[1]) == run.domain(kNames[0]));
    CHECK_FALSE(run.translate(kVic, 0x30000000));
}

TEST_CASE("tegra clients: displays below a host that no IOMMU serves go untranslated", "[kernel-model][tegra]") {
    Boot run("linux-6.12", false);
    REQUIRE(run.domain(kNames[1]));
    CHECK(run.domain(kNames[1])->type == DomainType::identity);
    CHECK_FALSE(run.buffers(kNames[1]).empty());
}

TEST_CASE("tegra clients: an engine that goes takes the shared domain down, and its return brings it up",
          "[kernel-model][tegra]") {
    Boot run("linux-6.12");
    run.task([&] { run.boot.drivers().device_release_driver(run.device(kNames[3])); });
    CHECK(run.domain(kNames[1])->type == DomainType::identity);
    CHECK(run.domain(kNames[0])->type == DomainType::unmanaged);
    run.task([&] { run.boot.drivers().device_attach(run.device(kNames[3])); });
    CHECK(run.domain(kNames[1])->type == DomainType::unmanaged);
    CHECK(run.domain(kNames[1]) == run.domain(kNames[3]));
    for (const Report& report : run.k.reports.all()) FAIL_CHECK(report.text());
}
