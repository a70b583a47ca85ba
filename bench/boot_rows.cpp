// Rows for whole runs: firmware, boot, traffic, results, as `xlate run` does them.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/row.hpp"
#include "bench/trees.hpp"
#include "study/run/run.hpp"

namespace xlate::bench {
namespace {

constexpr std::uint32_t kHosts = 64, kFunctionsOfAHost = 64;

/// A directory that goes away with this.
class ScratchDirectory {
public:
    ScratchDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "xlate_bench.XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no scratch directory");
        path_ = name;
    }
    ~ScratchDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    std::string file(const char* name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

Measured finish(const study::RunReport& report, double seconds, std::uint64_t units) {
    if (report.status != ExitStatus::ok) throw std::runtime_error("the run ended with: " + report.why);
    Measured measured;
    measured.seconds = seconds;
    measured.units = units;
    measured.checksum = std::hash<std::string>{}(report.result["digest"].get<std::string>());
    measured.add("run_ms", seconds * 1e3);
    measured.add("sim_boot_ms", report.result["sim"]["boot_ns"].get<double>() / 1e6);
    return measured;
}

Measured quickstart(std::uint64_t) {
    const double start = cpu_seconds();
    study::Config config = study::load_config(std::string(XLATE_SOURCE_DIR) + "/configs/quickstart.yaml");
    const study::RunReport report = study::run(config, {});
    return finish(report, cpu_seconds() - start, 1);
}

Measured boot_at_scale(std::uint64_t functions) {
    const ScratchDirectory scratch;
    const std::string board = scratch.file("board.dtb");
    const std::vector<std::uint8_t> blob = pci_tree(kHosts);
    std::ofstream(board, std::ios::binary)
        .write(reinterpret_cast<const char*>(blob.data()), static_cast<std::streamsize>(blob.size()));
    std::string text = fmt::format("firmware: {{ devicetree: {} }}\ntraffic: []\nsoc:\n  pci:\n", board);
    const std::uint64_t of_a_host = (functions + kHosts - 1) / kHosts;
    if (of_a_host > kFunctionsOfAHost) throw std::runtime_error("a host bridge has room for 64 functions here");
    for (std::uint32_t host = 0; host < kHosts; ++host) {
        for (std::uint64_t i = 0; i < of_a_host; ++i) {
            text += fmt::format("    - {{ slot: \"{:04x}:00:{:02x}.{}\", driver: nvme, host: {} }}\n", host, 1 + i / 8,
                                i % 8, pci_host_path(host));
        }
    }
    const double start = cpu_seconds();
    study::Config config = study::parse_config(text, scratch.file("scale.yaml"));
    const study::RunReport report = study::run(config, {});
    Measured measured = finish(report, cpu_seconds() - start, of_a_host * kHosts);
    std::uint64_t bound = 0;
    for (const auto& device : report.result["devices"]) {
        if (device["state"] == "bound" && !device["ids"].empty()) ++bound;
    }
    if (bound < measured.units)
        throw std::runtime_error(fmt::format("{} of {} functions are bound", bound, measured.units));
    return measured;
}

}  // namespace

void add_boot_rows(std::vector<Row>& rows) {
    rows.push_back({"boot/quickstart", "run", "configs/quickstart.yaml from the file to its results.", 1, quickstart});
    rows.push_back({"boot/scale", "function",
                    "4,096 PCI functions behind 64 SMMUs probed, from the YAML to the results.",
                    kHosts * kFunctionsOfAHost, boot_at_scale});
}

}  // namespace xlate::bench
