// A platform device that names several IOMMUs, and sends through each of them.
#include <set>
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "study/config/config.hpp"
#include "study/run/run.hpp"
#include "tests/places.hpp"
#include "tests/soc/child.hpp"

using namespace xlate;
using namespace xlate::study;
using Json = nlohmann::ordered_json;

namespace {

std::string config_file(const char* name) { return std::string(tests::source_dir()) + "/configs/" + name + ".yaml"; }

/// What is wrong with a run in which `device` has a port with each of its two IOMMUs.
std::string of_two_ports(const char* name, const std::string& device, std::size_t traffic) {
    Config config = load_config(config_file(name), {{"traffic[" + std::to_string(traffic) + "].ports", "all"}});
    const RunReport report = run(config, {});
    if (report.status != ExitStatus::ok) return report.why;
    std::string text;
    std::set<std::string> parts;
    std::uint64_t issued = 0;
    for (const Json& master : report.result["masters"]) {
        const std::string one = master["device"];
        if (one.rfind(device, 0) != 0) continue;
        parts.insert(one);
        if (master["faults"] != 0) text += one + " faults\n";
        if (!(master["breakdown_ns"]["walk"] > 0.0)) text += one + " is not translated\n";
        if (issued != 0 && master["issued"] != issued) text += one + " sends another number\n";
        issued = master["issued"];
    }
    if (parts != std::set<std::string>{device, device + ".port1"}) text += "other ports\n";
    for (const Json& warning : report.result["warnings"]) {
        if (warning.get<std::string>().find("see none of it") != std::string::npos) text += warning;
    }
    return text;
}

}  // namespace

TEST_CASE("ports: a device behind two IOMMUs that its driver programs sends through both", "[study]") {
    CHECK(tests::in_child([] { return of_two_ports("exynos", "13800000.display", 0); }) == "");
    CHECK(tests::in_child([] { return of_two_ports("dart", "a010000.usb", 1); }) == "");
}

TEST_CASE("ports: several have no meaning for a PCI function, nor where each transfer is mapped", "[study]") {
    const auto refused = [](const char* name, const char* path, const char* mapping) {
        return tests::in_child([&] {
            Config config = load_config(
                config_file(name), {{std::string(path) + ".ports", "all"}, {std::string(path) + ".mapping", mapping}});
            return run(config, {}).why;
        });
    };
    CHECK(refused("exynos", "traffic[0]", "per-transfer").find("only with mapping: once") != std::string::npos);
    CHECK(refused("quickstart", "traffic[0]", "once").find("only for platform devices") != std::string::npos);
}
