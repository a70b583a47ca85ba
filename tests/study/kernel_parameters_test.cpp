// Kernel parameters by what a boot makes of them.
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "study/config/acs_parameters.hpp"
#include "study/config/config.hpp"
#include "study/config/kernel_parameters.hpp"
#include "study/run/run.hpp"
#include "tests/places.hpp"
#include "tests/soc/child.hpp"

using namespace xlate;
using namespace xlate::study;
using Json = nlohmann::ordered_json;

namespace {

/// "driver domain state" of `device`, and whether the console has `line`.
std::string boot(const char* name, const char* parameter, const char* value, const std::string& device,
                 const std::string& line = {}) {
    return tests::in_child([&] {
        Config config = load_config(std::string(tests::source_dir()) + "/configs/" + name + ".yaml",
                                    {{std::string("kernel.parameters[\"") + parameter + "\"]", value}});
        const RunReport report = run(config, {});
        std::string text = "not there";
        for (const Json& one : report.result["devices"]) {
            if (one["name"] != device) continue;
            text = (one["driver"].is_null() ? "none" : one["driver"].get<std::string>()) + " " +
                   one["domain"].get<std::string>();
        }
        return text + (report.console.find(line) == std::string::npos ? " without the line" : "");
    });
}

}  // namespace

TEST_CASE("kernel parameters: the kernel refuses to load a module of module_blacklist", "[study]") {
    CHECK(boot("quickstart", "module_blacklist", "e1000e,virtio_net", "0000:00:01.0", "Module e1000e is blacklisted") ==
          "nvme DMA");
    CHECK(boot("quickstart", "module_blacklist", "nvme", "0000:00:01.0", "Module nvme is blacklisted").substr(0, 4) ==
          "none");
}

TEST_CASE("kernel parameters: with a negative deferred_probe_timeout a device waits for ever", "[study]") {
    CHECK(boot("deferred_timeout", "deferred_probe_timeout", "1", "a006000.waits").substr(0, 4) != "none");
    CHECK(boot("deferred_timeout", "deferred_probe_timeout", "-1", "a006000.waits").substr(0, 4) == "none");
}

TEST_CASE("kernel parameters: a flag is whatever Linux's kstrtobool() takes", "[study]") {
    for (const char* yes : {"Yes", "on"})
        CHECK(boot("quickstart", "iommu.passthrough", yes, "0000:00:01.0") == "nvme identity");
    for (const char* no : {"no", "oFf"})
        CHECK(boot("quickstart", "iommu.passthrough", no, "0000:00:01.0") == "nvme DMA");
    CHECK(boot("quickstart", "iommu.passthrough", "2", "0000:00:01.0").find("expected 0 or 1") != std::string::npos);
}

// Linux's kernel-parameters.txt and __pci_config_acs(): "<ACS flags>@<pci_dev>[; ...]", flags for each device.
TEST_CASE("kernel parameters: each device of config_acs has flags of its own", "[study]") {
    kernel::AcsParameters acs;
    std::string finding;
    REQUIRE(read_pci_parameter("config_acs=1X0@00:1c.0;x1@pci:8086:1901", acs, finding));
    REQUIRE(acs.rules.size() == 2);
    CHECK(acs.rules[0].mask == 0b101);
    CHECK(acs.rules[0].value == 0b100);
    CHECK(acs.rules[1].mask == 0b01);
    CHECK(acs.rules[1].value == 0b01);
    CHECK_FALSE(read_pci_parameter("config_acs=10@00:1c.0;00:1d.0", acs, finding));
    CHECK(finding == "'00:1d.0' has no flags of 0, 1 and x before an @");
    CHECK_FALSE(read_pci_parameter("noats", acs, finding));
    CHECK(finding.find("pci=noats is not modelled") == 0);
}

// Linux's __setup functions run on any machine; what they set is looked at by their own driver, but for strictness.
TEST_CASE("kernel parameters: an option of the other vendor's IOMMU is named", "[study]") {
    const auto warned = [](const char* name, const char* parameter, const char* value) {
        return tests::in_child([&] {
            Config config = load_config(std::string(tests::source_dir()) + "/configs/" + name + ".yaml",
                                        {{std::string("kernel.parameters[\"") + parameter + "\"]", value}});
            const RunReport report = run(config, {});
            for (const Json& one : report.result["warnings"]) {
                if (one.get<std::string>().find("changes nothing") != std::string::npos) return one.get<std::string>();
            }
            return std::string();
        });
    };
    CHECK(warned("x86-vtd", "amd_iommu", "off") ==
          "kernel.parameters.amd_iommu changes nothing: the firmware has no IOMMU of the driver amd-iommu");
    CHECK(warned("x86-amd", "intel_iommu", "on").find("driver intel-iommu") != std::string::npos);
    CHECK(warned("x86-vtd", "amd_iommu", "fullflush").empty());
    CHECK(warned("x86-vtd", "intel_iommu", "on").empty());
}

TEST_CASE("kernel parameters: options of x86 in a config that do nothing are warned of, unknown ones refused",
          "[study]") {
    const auto said = [](const char* parameter, const char* value) {
        return tests::in_child([&]() -> std::string {
            Config config = load_config(std::string(tests::source_dir()) + "/configs/x86-vtd.yaml",
                                        {{std::string("kernel.parameters[\"") + parameter + "\"]", value}});
            try {
                const RunReport report = run(config, {});
                std::string text = report.result["devices"][0]["domain"].get<std::string>();
                for (const Json& one : report.result["warnings"]) text += "; " + one.get<std::string>();
                return text;
            } catch (const InputError& error) {
                return error.what();
            }
        });
    };
    const std::string passed = said("iommu", "pt,usedac");
    CHECK(passed.rfind("identity", 0) == 0);
    CHECK(passed.find("kernel.parameters.iommu: 'usedac' changes nothing here") != std::string::npos);
    const std::string refused = said("intel_iommu", "on,sm_onn");
    CHECK(refused.find("Linux has no option 'sm_onn' of intel_iommu=, and would pass it by") != std::string::npos);
    CHECK(refused.find("did you mean 'sm_on'") != std::string::npos);
}

// It is a patch that distributions carry; Linux itself has no such parameter.
TEST_CASE("kernel parameters: pcie_acs_override is an assumption", "[study]") {
    const auto assumed = [](const char* value) {
        return tests::in_child([&] {
            Config config = load_config(std::string(tests::source_dir()) + "/configs/quickstart.yaml",
                                        {{"kernel.parameters", value}});
            const RunReport report = run(config, {});
            std::string text;
            for (const Json& one : report.result["assumptions"]) {
                if (one.get<std::string>().find("pcie_acs_override") != std::string::npos)
                    text += one.get<std::string>() + "\n";
            }
            return text;
        });
    };
    CHECK(assumed("{pcie_acs_override: downstream}") ==
          "kernel.parameters.pcie_acs_override is no parameter of kernel.org's kernels: taken as one with the patch of "
          "some distributions takes it\n");
    CHECK(assumed("{iommu.strict: 1}").empty());
}

// setup_io_tlb_npages(): numbers first, then one word; of another order Linux takes a part without a word.
TEST_CASE("kernel parameters: swiotlb is slots, areas and a mode, in this order", "[study]") {
    kernel::KernelParameters parameters;
    CHECK_FALSE(read_kernel_parameter("swiotlb", "65536,4,noforce", parameters));
    CHECK(parameters.swiotlb_slots == 65536);
    CHECK(parameters.swiotlb_areas == 4);
    CHECK(parameters.swiotlb == kernel::KernelParameters::Swiotlb::noforce);
    CHECK_FALSE(read_kernel_parameter("swiotlb", "force", parameters));
    for (const char* const wrong : {"force,1000", "force,force", "1,2,3", "65536,often"})
        CHECK(read_kernel_parameter("swiotlb", wrong, parameters));
}

TEST_CASE("kernel parameters: config_acs is Linux 6.11's", "[study]") {
    const std::string value = "config_acs=11101@0000:00:02.0";
    const auto before = retired_kernel_parameter("pci", value, 608);
    REQUIRE(before);
    CHECK(before->find("from 6.11 on") != std::string::npos);
    CHECK_FALSE(retired_kernel_parameter("pci", value, 611));
    CHECK_FALSE(retired_kernel_parameter("pci", "disable_acs_redir=0000:00:02.0", 608));
}
