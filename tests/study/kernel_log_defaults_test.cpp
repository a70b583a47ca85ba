// What a kernel's log says beside its command line: defaults of its build (Linux iommu_subsys_init()), and IOMMUs by
// which it asks for ACS before it scans PCI (iort_enable_acs()).
#include <catch2/catch.hpp>

#include <string>

#include "study/config/config.hpp"
#include "study/init/machine/machine_config.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

std::string config_of(const std::string& lines) {
    firmware::Description board;
    board.nodes.emplace_back();
    board.nodes[0].path = "/";
    const KernelLog log = read_kernel_log("Linux version 6.8.0-31-generic (gcc)\n" + lines, "dmesg.txt");
    return machine_config(board, {"b.dtb"}, log, std::nullopt);
}

std::string value(const Config& config, const std::string& name) {
    const auto found = config.kernel.parameters.find(name);
    return found == config.kernel.parameters.end() ? "" : found->second;
}

}  // namespace

TEST_CASE("kernel log: what the kernel's build decides counts", "[study][init]") {
    const Config built = parse_config(config_of("[    0.4] iommu: Default domain type: Passthrough \n"
                                                "[    0.4] iommu: DMA domain TLB invalidation policy: lazy mode \n"),
                                      "x.yaml");
    CHECK(value(built, "iommu.passthrough") == "1");
    CHECK(value(built, "iommu.strict") == "0");
    const Config usual = parse_config(config_of("[    0.4] iommu: Default domain type: Translated\n"
                                                "[    0.4] iommu: DMA domain TLB invalidation policy: strict mode\n"),
                                      "x.yaml");
    CHECK(usual.kernel.parameters.empty());
    // The command line's own.
    const Config said =
        parse_config(config_of("Kernel command line: iommu.passthrough=0\n"
                               "iommu: Default domain type: Translated (set via kernel command line)\n"
                               "iommu: DMA domain TLB invalidation policy: lazy mode (set via kernel command line)\n"),
                     "x.yaml");
    CHECK(value(said, "iommu.passthrough") == "0");
    CHECK(value(said, "iommu.strict").empty());
}

TEST_CASE("kernel log: groups show ACS where an SMMU comes from the IORT", "[study][init]") {
    const std::string functions =
        "pci 0000:00:01.0: [1af4:1000] type 01 class 0x060400\npci 0000:01:00.0: [15b3:1019] type 00 class 0x020000\n"
        "pci 0000:00:01.0: PCI bridge to [bus 01]\n"
        "pci 0000:00:01.0: Adding to iommu group 0\npci 0000:01:00.0: Adding to iommu group 0\n";
    const auto acs_of_port = [&](const std::string& line) {
        return read_kernel_log("Linux version 6.8.0\n" + line + functions, "dmesg.txt").functions.at(0).acs;
    };
    CHECK(acs_of_port("arm-smmu-v3 arm-smmu-v3.0.auto: ias 48-bit, oas 48-bit\n") == false);
    CHECK(acs_of_port("arm-smmu arm-smmu.3.auto: probing hardware configuration...\n") == false);
    CHECK_FALSE(acs_of_port("arm-smmu-v3 9050000.iommu: ias 48-bit, oas 48-bit\n").has_value());
}
