// `limited by` on every config of the tree, held against trials: the named resource, larger, brings bandwidth or names
// the next one.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::json;

namespace {

/// Its driver, or the lock that its driver waits for.
bool is_driver(const std::string& resource) {
    return resource.find("by its driver") != std::string::npos || resource.rfind("lock ", 0) == 0;
}

/// Why the sentence about this master is wrong; empty if it is right.
std::string wrong_with(const Json& master) {
    if (!master.contains("limited_by")) return "";
    const Json& named = master["limited_by"]["resource"];
    // A driver's unmaps may wait for one lock or one busy bit, which more CPUs do not make faster: then nothing else on
    // the device's way does, either.
    if (is_driver(named.get<std::string>())) {
        for (const Json& one : master["tried"]) {
            const bool software = one["key"].get<std::string>().rfind("traffic[", 0) == 0;
            const bool waits = one["key"] == "soc.memory.latency";  // which the CPUs' register reads and stores share
            if (software || waits || one.contains("error") || one["gain"].get<double>() <= 0.3) continue;
            return one["key"].get<std::string>() + " brings " + one["gain"].dump();
        }
        return "";
    }
    for (const Json& one : master["tried"]) {
        if (one["resource"] != named) continue;
        if (one.contains("error")) return "";  // the next one refuses: a rate that the link does not carry
        if (one["gain"].get<double>() > 0.05 || one["limited_by"] != named) return "";
        return "larger brings " + one["gain"].dump() + " and names no other";
    }
    return "nothing makes it larger";
}

/// What brings more than the named resource, by more than 5 points and not from those that share it; empty: nothing.
/// Latencies and TLBs, which make every place free sooner, are no places.
std::string more_than_named(const Json& master) {
    if (!master.contains("limited_by")) return "";
    const Json& named = master["limited_by"]["resource"];
    double best = 0;
    for (const Json& one : master["tried"]) {
        if (one["resource"] == named) best = std::max(best, one.value("gain", 0.0));
    }
    for (const Json& one : master["tried"]) {
        const auto resource = one["resource"].get<std::string>();
        const bool sooner = resource.rfind("latency of", 0) == 0 || resource.rfind("TLB of", 0) == 0;
        if (sooner || one.contains("error") || one["from_others"] == true) continue;
        // How many transfers a driver keeps under way, and with how many tasks, is the same driver's.
        const bool drivers = is_driver(named.get<std::string>());
        if (drivers && one["key"].get<std::string>().rfind("traffic[", 0) == 0) continue;
        if (one["gain"].get<double>() > best + 0.05) return resource + " brings " + one["gain"].dump();
    }
    return "";
}

struct Tally {
    std::size_t masters = 0;
    std::set<std::string> resources;
};

void try_limits(const Scratch& scratch, const std::filesystem::path& config, Tally& tally) {
    CAPTURE(config.filename());
    const Said said = run_xlate(scratch, "why --json --transfers 2000 " + quoted(config.string()));
    if (said.status == 2 && said.err.find("no master had traffic") != std::string::npos) return;
    CAPTURE(said.err);
    CHECK(said.status == 0);
    if (said.status != 0) return;
    const Json why = Json::parse(said.out);
    for (const Json& master : why["masters"]) {
        CAPTURE(master["device"].get<std::string>(), master.value("limited_by", Json()).dump());
        CHECK(wrong_with(master) == "");
        CHECK(more_than_named(master) == "");
        ++tally.masters;
        if (master.contains("limited_by")) tally.resources.insert(master["limited_by"]["resource"].get<std::string>());
    }
}

std::filesystem::path configs() { return std::string(source_dir()) + "/configs"; }

}  // namespace

/// All configs in four parts, so that they can run side by side: every fourth from `part` on.
void try_part(std::size_t part) {
    const Scratch scratch;
    Tally tally;
    std::set<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::directory_iterator(configs())) {
        if (entry.path().extension() == ".yaml") all.insert(entry.path());
    }
    REQUIRE(all.size() >= 40);
    std::size_t number = 0;
    for (const std::filesystem::path& config : all) {
        if (number++ % 4 == part) try_limits(scratch, config, tally);
    }
    CHECK(tally.masters >= 10);
    CHECK(tally.resources.size() >= 4);
}

TEST_CASE("limited by: for each config the named resource, larger, is faster or names the next (1 of 4)",
          "[cli][why]") {
    try_part(0);
}

TEST_CASE("limited by: for each config the named resource, larger, is faster or names the next (2 of 4)",
          "[cli][why]") {
    try_part(1);
}

TEST_CASE("limited by: for each config the named resource, larger, is faster or names the next (3 of 4)",
          "[cli][why]") {
    try_part(2);
}

TEST_CASE("limited by: for each config the named resource, larger, is faster or names the next (4 of 4)",
          "[cli][why]") {
    try_part(3);
}

TEST_CASE("limited by: what is busy without a queue before it is not named, more transfers under way bring more",
          "[cli][why]") {
    const Scratch scratch;
    Tally tally;
    std::size_t tried = 0;
    for (const auto& entry : std::filesystem::directory_iterator(configs() / "limits")) {
        try_limits(scratch, entry.path(), tally);
        ++tried;
    }
    CHECK(tally.masters == tried);
    CHECK(tally.resources ==
          std::set<std::string>{"its own outstanding transfers (traffic[].outstanding) and their latency"});
}

TEST_CASE("limited by: a PCIe link is named with the keys that say what it carries", "[cli][why]") {
    const Scratch scratch;
    const auto named = [&](const std::string& pcie) {
        scratch.file("x.yaml", "firmware: { devicetree: " + board("quickstart") +
                                   " }\nsoc:\n  memory: { bandwidth: 400 GB/s, latency: 60 ns, banks: 64 }\n"
                                   "  interconnect: { width: 64 B, latency: 2 cycles }\n  pcie: { " +
                                   pcie +
                                   " }\n  pci: [ { slot: \"00:01.0\", driver: nvme } ]\n"
                                   "kernel: { parameters: { iommu.passthrough: 1 } }\n"
                                   "traffic: [ { device: \"0000:00:01.0\", read: 100%, size: 64 B, working_set: 4 MiB, "
                                   "outstanding: 64, transfers: 4000 } ]\n");
        REQUIRE(run_xlate(scratch, "run x.yaml --quiet --out r").status == 0);
        const Json result = Json::parse(read_text(scratch.path("r/result.json")));
        return result["masters"][0]["limited_by"]["resource"].get<std::string>();
    };
    CHECK(named("bandwidth: 7 GB/s") == "PCIe link (soc.pcie.bandwidth)");
    CHECK(named("generation: 4, lanes: 4") == "PCIe link (soc.pcie.lanes, soc.pcie.generation)");
    // Its trial bears the same name, and is of a key that is not refused.
    const Json why = Json::parse(run_xlate(scratch, "why r --json").out);
    std::size_t tried = 0;
    for (const Json& one : why["masters"][0]["tried"]) {
        if (one["resource"] != why["masters"][0]["limited_by"]["resource"]) continue;
        ++tried;
        CHECK(one["key"] == "soc.pcie.lanes");
        CHECK(one["gain"].get<double>() > 0.5);
    }
    CHECK(tried == 1);
}
