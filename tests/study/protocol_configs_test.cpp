// The base protocol in every joint of two modules, in every config that the repository has: with few transfers, since
// each phase sequence comes early.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <set>

#include "study/config/config.hpp"
#include "study/run/run.hpp"
#include "tests/places.hpp"
#include "tests/soc/child.hpp"

namespace xlate::tests {

namespace {

/// "joints accesses violations open", and what was broken.
std::string checked_run(const std::string& file) {
    return in_child([&] {
        study::Config config = study::load_config(file);
        config.soc.check_protocol = true;
        config.soc.fidelity = soc::Fidelity::exact;
        for (study::TrafficConfig& traffic : config.traffic) {
            traffic.params.transfers = std::min<std::uint64_t>(traffic.params.transfers, 60);
            traffic.warmup.clear();
        }
        config.expect.clear();
        study::RunReport report = study::run(config, {});
        const auto& protocol = report.result["protocol"];
        std::string text;
        if (protocol["violations"] != 0) text += protocol["first"].dump();
        const bool ended = report.result["sim"]["outcome"] == "finished";
        // A transfer that stalls for good is software's affair, and warned of.
        const bool stuck = report.result["warnings"].dump().find("never ended") != std::string::npos;
        if (ended && !stuck && protocol["open"] != 0) text += " never ended: " + protocol["open"].dump();
        if (protocol["joints"] < 4 || protocol["accesses"] < 50) text += " hardly anything passed: " + protocol.dump();
        return text.empty() ? std::string("fine") : text;
    });
}

/// Those of `configs/explore` explore a kernel, and have no SoC.
std::set<std::string> configs_in(const std::string& folder) {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(source_dir()) + "/configs" + folder)) {
        if (entry.path().extension() == ".yaml") files.insert(entry.path().string());
    }
    return files;
}

void check_folder(const std::string& folder, std::size_t at_least) {
    const std::set<std::string> files = configs_in(folder);
    REQUIRE(files.size() >= at_least);
    for (const std::string& file : files) {
        INFO(file);
        CHECK(checked_run(file) == "fine");
    }
}

}  // namespace

TEST_CASE("no config breaks the base protocol in any joint of two modules", "[soc][protocol]") { check_folder("", 30); }

TEST_CASE("no whole SoC breaks the base protocol in any joint of two modules", "[soc][protocol]") {
    check_folder("/soc", 4);
    check_folder("/papers", 5);
}

TEST_CASE("no study breaks the base protocol in any joint of two modules", "[soc][protocol]") {
    check_folder("/studies", 20);
}

TEST_CASE("no mistake of a driver breaks the base protocol in any joint", "[soc][protocol]") {
    check_folder("/mistakes", 4);
}

}  // namespace xlate::tests
