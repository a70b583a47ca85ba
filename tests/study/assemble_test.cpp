#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

#include "firmware/pci_hosts.hpp"
#include "study/run/assemble.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/likely_masters.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

std::string board(const std::string& name) { return std::string(tests::binary_dir()) + "/boards/" + name + ".dtb"; }

firmware::Description describe(const std::string& name) {
    return firmware::read_device_tree(firmware::read_file(board(name)), name);
}

Config config_for(const std::string& name, const std::string& rest = "") {
    return parse_config("firmware: {devicetree: \"" + board(name) + "\"}\n" + rest, "x.yaml");
}

std::string refusal(const std::string& name, const std::string& rest) {
    try {
        Config config = config_for(name, rest);
        assemble(config, describe(name));
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("assemble: buses are numbered depth first and bridges to PCI speak for what is behind them",
          "[study][assemble]") {
    const Config config = config_for("quickstart", R"(
soc:
  pci:
    - {slot: "00:05.0", kind: root-port, below: [{slot: "00.0", driver: virtio-net}]}
    - {slot: "00:06.0", kind: pci-bridge, below: [{slot: "01.0"}, {slot: "02.0"}]}
    - slot: "00:09.0"
      kind: root-port
      below:
        - slot: "00.0"
          kind: switch-upstream
          below:
            - {slot: "00.0", kind: switch-downstream, below: [{slot: "00.0"}]}
            - {slot: "01.0", kind: switch-downstream, below: [{slot: "00.0"}]}
    - slot: "00:0a.0"
      kind: root-port
      below: [{slot: "00.0", kind: pcie-pci-bridge, below: [{slot: "01.0"}, {slot: "02.0"}]}]
    - {slot: "00:01.0", driver: nvme}
)");
    yaml::Findings findings;
    std::map<std::string, std::uint32_t> ids;
    for (const PciSeat& seat : seat_pci_functions(make_pci_roots(config, findings))) ids[seat.name] = seat.wire_id;
    CHECK(findings.empty());
    // Names and ids: corpus/linux-boot/README.md, "Standard PCI topology", and its case dt-smmuv3.
    const std::map<std::string, std::uint32_t> expected{
        {"0000:00:01.0", 0x8},   {"0000:00:05.0", 0x28},  {"0000:00:06.0", 0x30},  {"0000:00:09.0", 0x48},
        {"0000:00:0a.0", 0x50},  {"0000:01:00.0", 0x100}, {"0000:02:01.0", 0x30},  {"0000:02:02.0", 0x30},
        {"0000:03:00.0", 0x300}, {"0000:04:00.0", 0x400}, {"0000:04:01.0", 0x408}, {"0000:05:00.0", 0x500},
        {"0000:06:00.0", 0x600}, {"0000:07:00.0", 0x700}, {"0000:08:01.0", 0x800}, {"0000:08:02.0", 0x800}};
    CHECK(ids == expected);
}

// Linux drivers/pci/search.c, pci_for_each_dma_alias(), with what drivers/pci/quirks.c sets for these ids.
TEST_CASE("assemble: what Linux expects of a function besides its own id", "[study][assemble]") {
    const Config config = parse_config(R"(
firmware: {devicetree: x.dtb}
soc:
  pci:
    - slot: "00:01.0"
      kind: root-port
      below: [{slot: "00.0", kind: pci-bridge, id: "1b21:1080", below: [{slot: "01.0"}]}]
    - slot: "00:02.0"
      kind: root-port
      below: [{slot: "00.0", id: "1b4b:9230"}]
    - slot: "00:03.0"
      kind: root-port
      below: [{slot: "00.0", kind: pcie-pci-bridge, id: "1a03:1150", below: [{slot: "02.0"}]}]
    - slot: "00:04.0"
      kind: root-port
      below:
        - slot: "00.0"
          kind: pcie-pci-bridge
          below: [{slot: "00.0", kind: pci-bridge, below: [{slot: "03.0"}]}]
    - slot: "00:05.0"
      kind: root-port
      below: [{slot: "00.0", kind: pcie-pci-bridge, id: "14e4:9000", below: [{slot: "01.0"}]}]
)",
                                       "x.yaml");
    yaml::Findings findings;
    const std::vector<kernel::PciRoot> roots = make_pci_roots(config, findings);
    REQUIRE(findings.empty());
    using Ids = std::vector<std::uint32_t>;
    const auto seat = [&](const std::string& name, unsigned release = 612) {
        const std::vector<PciSeat> all = seat_pci_functions(roots, release);
        const auto found = std::find_if(all.begin(), all.end(), [&](const PciSeat& one) { return one.name == name; });
        REQUIRE(found != all.end());
        return *found;
    };
    // ASM1083: a bridge from PCIe that does not say so.
    CHECK(seat("0000:02:01.0").linux_ids == Ids{0x208, 0x200});
    CHECK(seat("0000:02:01.0").wire_id == 0x200);
    // 88SE9230: function 1 speaks for it.
    CHECK(seat("0000:03:00.0").linux_ids == Ids{0x300, 0x301});
    // AST1150: the ids behind it pass, as Linux knows from 7.0 on.
    CHECK(seat("0000:05:02.0").linux_ids == Ids{0x510, 0x500});
    CHECK(seat("0000:05:02.0", 700).linux_ids == Ids{0x510});
    CHECK(seat("0000:05:02.0").wire_id == 0x510);
    // Two bridges, the nearer one conventional.
    CHECK(seat("0000:08:03.0").linux_ids == Ids{0x818, 0x700});
    CHECK(seat("0000:08:03.0").wire_id == 0x700);
    // ThunderX2: the walk ends at the bridge.
    CHECK(seat("0000:0a:01.0").linux_ids == Ids{0xa08});
}

TEST_CASE("assemble: a board without a config gets endpoints, and traffic for all that is translated",
          "[study][assemble]") {
    Config config = config_for("quickstart");
    const Assembly assembly = assemble(config, describe("quickstart"));
    CHECK(assembly.assumptions.size() == 2);
    REQUIRE(assembly.soc.masters.size() == 4);
    CHECK(assembly.soc.masters[0].device == "a000000.video");
    CHECK(assembly.soc.masters[2].device == "0000:00:01.0");
    CHECK(assembly.soc.masters[2].requester_id == 8U);
    CHECK(assembly.soc.cpu.count == 4);
    CHECK(assembly.boot.traffic.size() == 4);
    Config silent = config_for("quickstart", "soc: {pci: []}\ntraffic: []\n");
    const Assembly none = assemble(silent, describe("quickstart"));
    CHECK(none.assumptions.empty());
    CHECK(none.soc.masters.empty());
    CHECK(none.boot.pci.empty());
}

TEST_CASE("assemble: names that nobody has are refused with the nearest", "[study][assemble]") {
    CHECK(refusal("quickstart", "traffic: [{device: a010000.dna}]").find("did you mean 'a010000.dma'?") !=
          std::string::npos);
    CHECK(refusal("quickstart", "soc: {pci: [{slot: \"00:01.0\", host: /pcie}]}").find("no PCI host bridge '/pcie'") !=
          std::string::npos);
    CHECK(refusal("odd_masters", "soc: {pci: [{slot: \"00:01.0\"}]}").find("the firmware has no PCI host bridge") !=
          std::string::npos);
    CHECK(
        refusal("quickstart", "kernel: {modules: [{name: nvme, cpu: 4}]}").find("there is no CPU 4; expected 0 to 3") !=
        std::string::npos);
    CHECK(refusal("quickstart", "kernel: {parameters: {iommu.strict: maybe}}").find("found 'maybe'; expected 0 or 1") !=
          std::string::npos);
    CHECK(refusal("quickstart", "soc: {pci: [{slot: \"00:01.0\", below: [{slot: \"00.0\"}]}]}")
              .find("only ports and bridges") != std::string::npos);
    CHECK(
        refusal("quickstart", "soc: {pci: [{slot: \"00:01.0\", id: \"1af4\"}]}").find("soc.pci[0].id: found '1af4'") !=
        std::string::npos);
    CHECK(refusal("quickstart", "traffic: [{device: a000000.video, size: 64 KiB}]").find("traffic[0].size") !=
          std::string::npos);
}

TEST_CASE("assemble: PASIDs are of PCIe endpoints, and ports alone face the outside", "[study][assemble]") {
    CHECK(refusal("quickstart", "soc: {pci: [{slot: \"00:01.0\", kind: conventional, pasid: true}]}")
              .find("soc.pci[0].pasid: only PCIe endpoints have it") != std::string::npos);
    CHECK(refusal("quickstart", "soc: {pci: [{slot: \"00:01.0\", external_facing: true}]}")
              .find("soc.pci[0].external_facing: only root ports and downstream ports") != std::string::npos);
    Config config = config_for("quickstart",
                               "soc: {pci: [{slot: \"00:01.0\", kind: root-port, external_facing: true, below: [{slot: "
                               "\"00.0\", pasid: true}]}]}\ntraffic: []");
    const Assembly assembly = assemble(config, describe("quickstart"));
    const kernel::PciFunction& port = assembly.boot.pci.at(0).functions.at(0);
    CHECK((port.external_facing && !port.pasid));
    CHECK((port.below.at(0).pasid && !port.below.at(0).external_facing));
}

TEST_CASE("assemble: an ATC belongs to a PCIe endpoint that is a master", "[study][assemble]") {
    const std::string atc = "atc: {entries: 8}";
    CHECK(refusal("ats", "soc: {pci: [{slot: \"00:01.0\", driver: nvme, " + atc + "}]}").empty());
    CHECK(refusal("ats", "soc: {pci: [{slot: \"00:01.0\", driver: none, " + atc + "}]}")
              .find("soc.pci[0].atc: '0000:00:01.0' has no traffic") != std::string::npos);
    CHECK(refusal("ats",
                  "soc: {pci: [{slot: \"00:05.0\", kind: pcie-pci-bridge, below: [{slot: \"00.0\", " + atc + "}]}]}")
              .find("only PCIe endpoints have one") != std::string::npos);
    Config config = config_for("ats", "soc: {pci: [{slot: \"00:01.0\", driver: nvme, " + atc +
                                          "}, {slot: \"00:02.0\", driver: nvme}]}\n"
                                          "traffic: [{device: \"0000:00:02.0\"}, {device: \"0000:00:01.0\"}]");
    const Assembly assembly = assemble(config, describe("ats"));
    CHECK_FALSE(assembly.soc.masters.at(0).atc);
    REQUIRE(assembly.soc.masters.at(1).atc);
    CHECK(assembly.soc.masters.at(1).atc->shape.entries == 8);
    CHECK(assembly.boot.pci.at(0).functions.at(0).ats);
    CHECK_FALSE(assembly.boot.pci.at(0).functions.at(1).ats);
}

TEST_CASE("assemble: slots are read as lspci writes them", "[study][assemble]") {
    CHECK(parse_pci_address("0001:80:1f.7").value().domain == 1);
    CHECK(parse_pci_address("0001:80:1f.7").value().bus == 0x80);
    CHECK(parse_pci_address("0001:80:1f.7").value().device == 31);
    CHECK(parse_pci_address("5").value().device == 5);
    CHECK_FALSE(parse_pci_address("5").value().has_bus);
    for (const char* text :
         {"", ".", "20.0", "0.8", "x", "100:00.0", "0:0:0:0.0", "00:", "00:01.", "00:01.0.0", "10000:00:00.0", "-1"}) {
        INFO(text);
        CHECK_FALSE(parse_pci_address(text));
    }
}

TEST_CASE("assemble: firmware is looked for beside the config and among the boards", "[study][assemble]") {
    CHECK_NOTHROW(find_firmware(config_for("quickstart")));
    CHECK_THROWS_AS(find_firmware(parse_config("firmware: {devicetree: nowhere.dtb}", "x.yaml")), InputError);
    CHECK(find_firmware(parse_config("firmware: {generate: devicetree}", "x.yaml")).empty());
    CHECK(find_firmware(parse_config("firmware: {devicetree: quickstart.dtb}", "x.yaml")) ==
          std::vector<std::string>{board("quickstart")});
}

TEST_CASE("assemble: a pattern is text in which a star is any text", "[study][assemble]") {
    CHECK(matches_pattern("*.gpu", "a010000.gpu"));
    CHECK_FALSE(matches_pattern("*.gpu", "a010000.gpux"));
    CHECK(matches_pattern("a0*.g*u", "a010000.gpu"));
    CHECK(matches_pattern("*", ""));
    CHECK(matches_pattern("*a*a*", "banana"));
    CHECK_FALSE(matches_pattern("b*x*a", "banana"));
    CHECK(matches_pattern("video", "video"));
    CHECK_FALSE(matches_pattern("video", "video2"));
    CHECK_FALSE(matches_pattern(std::string(2000, '*') + "b", std::string(100'000, 'a')));  // in no time
}

TEST_CASE("assemble: a board without memory gets some where no register is", "[study][assemble]") {
    firmware::Description description = describe("quickstart");
    CHECK_FALSE(assume_memory(description));
    const std::size_t ranges = description.memory.size();
    REQUIRE(ranges > 0);
    description.memory.clear();
    firmware::Node blocker;
    blocker.path = "/blocker";
    blocker.regs.push_back({0x4000'0000, 0x1000, 0x4000'0000, "", {}});
    description.nodes.push_back(blocker);
    REQUIRE(assume_memory(description));
    REQUIRE(description.memory.size() == 1);
    const std::uint64_t base = description.memory[0].base;
    CHECK(base > 0x4000'0000);
    for (const firmware::Node& node : description.nodes) {
        for (const firmware::Reg& reg : node.regs) {
            if (!reg.cpu_address || node.path == "/memory@40000000") continue;
            CHECK((*reg.cpu_address + reg.size <= base || base + description.memory[0].size <= *reg.cpu_address));
        }
    }
}

TEST_CASE("assemble: memory that is assumed keeps off PCI windows, and lies where firmware keeps some back",
          "[study][assemble]") {
    firmware::Description description = describe("quickstart");
    const std::vector<firmware::MemoryRange> windows = firmware::pci_memory_of_all(description);
    REQUIRE_FALSE(windows.empty());
    for (const std::uint64_t size : {std::uint64_t{1} << 20, std::uint64_t{1} << 30, std::uint64_t{8} << 30}) {
        description.memory.clear();
        REQUIRE(assume_memory(description, size));
        const std::uint64_t base = description.memory[0].base;
        for (const firmware::MemoryRange& window : windows)
            CHECK((window.base + window.size <= base || base + size <= window.base));
    }
    description.memory.clear();
    firmware::Node kept;
    kept.path = "/reserved-memory/framebuffer@19c000000";
    kept.regs.push_back({0x1'9C00'0000, 0x100'0000, 0x1'9C00'0000, "", {}});
    description.nodes.push_back(kept);
    const auto said = assume_memory(description);
    REQUIRE(said);
    CHECK(description.memory[0].base == 0x1'8000'0000);
    CHECK(said->find("/reserved-memory") != std::string::npos);
    description.memory.clear();
    REQUIRE(assume_memory(description, std::uint64_t{1} << 30, 0x10'0000'0000));
    CHECK(description.memory[0].base == 0x10'0000'0000);
}

TEST_CASE("assemble: words of registers, build options, virtio-mmio transports are checked where they are written",
          "[study][assemble]") {
    CHECK(refusal("quickstart", "soc: {iommu: {registers: {0x22: 0x1}}}")
              .find("soc.iommu.registers.0x22: found '0x22'") != std::string::npos);
    CHECK(refusal("quickstart", "soc: {iommu: {registers: {0x20: 0x100000000}}}").find("a word of 32 bits") !=
          std::string::npos);
    CHECK(refusal("quickstart", "kernel: {build: {ARM_LPEA: y}}").find("ARM_LPAE") != std::string::npos);
    CHECK(refusal("quickstart", "kernel: {build: {ARM_LPAE: y}}").find("kernel.arch: arm") != std::string::npos);
    CHECK(refusal("quickstart", "kernel: {build: {ARM_SMMU_LEGACY_DT_BINDINGS: maybe}}").find("y or n") !=
          std::string::npos);
    CHECK(refusal("quickstart", "kernel: {parameters: {arm-smmu.force_stage: 3}}").find("1 or 2") != std::string::npos);
    CHECK(refusal("quickstart", "soc: {virtio_mmio: [{slot: a000000.virtio_mmio}]}")
              .find("the firmware has no virtio-mmio transport 'a000000.virtio_mmio'") != std::string::npos);
    Config config = config_for("quickstart",
                               "soc: {iommu: {registers: {0x20: 0x1, 0x24: 7}}}\n"
                               "kernel: {arch: arm, build: {CONFIG_ARM_LPAE: y}, parameters: {arm-smmu.force_stage: 2, "
                               "arm-smmu.disable_bypass: 0}}");
    const Assembly assembly = assemble(config, describe("quickstart"));
    CHECK(assembly.soc.iommu.hardware.registers == std::map<std::uint64_t, std::uint32_t>{{0x20, 1}, {0x24, 7}});
    CHECK(assembly.boot.parameters.arm_lpae);
    CHECK(assembly.boot.parameters.arm_smmu_force_stage == 2);
    CHECK_FALSE(assembly.boot.parameters.arm_smmu_disable_bypass);
}
