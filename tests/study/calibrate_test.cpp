// Costs of kernel steps out of recorded boots.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.hpp"
#include "study/calibrate/calibrate.hpp"
#include "study/calibrate/trace_calls.hpp"
#include "study/config/config.hpp"
#include "tests/corpus.hpp"

using namespace xlate;
using namespace xlate::study;
using Json = nlohmann::ordered_json;

namespace {

/// A file with this text, gone at the end.
struct TraceFile {
    std::string path;
    explicit TraceFile(const std::string& text) {
        path = (std::filesystem::temp_directory_path() / "xlate-calibrate-XXXXXX").string();
        REQUIRE(mkstemp(path.data()) >= 0);
        std::ofstream(path, std::ios::binary) << text;
    }
    ~TraceFile() {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
    }
    TraceFile(const TraceFile&) = delete;
    TraceFile& operator=(const TraceFile&) = delete;
};

Json costs_of(const Json& calibration) {
    Json all = Json::object();
    for (const Json& one : calibration["costs"]) all[one["key"].get<std::string>()] = one["ns"];
    return all;
}

std::string why_not(const std::string& text) {
    const TraceFile file(text);
    try {
        calibrate(file.path);
    } catch (const InputError& error) {
        CHECK(error.status() == ExitStatus::usage);
        return error.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("calibrate: kprobe events of two tasks, interleaved, become calls and moments", "[study][calibrate]") {
    const TraceCalls trace = read_trace(
        "# tracer: nop\n"
        "   swapper/0-1   [000] d....     1.000000: drv: (really_probe+0x0/0x3a0) dev=\"a.nic\" drv=\"nic\"\n"
        " kworker/u8:3-47 [001] d....     1.000001: probe: (iommu_probe_device+0x0/0x88) dev=\"b\"\n"
        "   swapper/0-1   [000] d....     1.000010: fwinit: (iommu_fwspec_init+0x0/0x120) dev=\"a.nic\"\n"
        "   swapper/0-1   [000] d....     1.000013: fwids: (iommu_fwspec_add_ids+0x0/0xe0) dev=\"a.nic\" n=1\n"
        "   swapper/0-1   [000] d....     1.000018: fwids: (iommu_fwspec_add_ids+0x0/0xe0) dev=\"a.nic\" n=1\n"
        " kworker/u8:3-47 [001] d....     1.000031: probe_ret: (x+0x1/0x2 <- iommu_probe_device) ret=-19\n"
        "   swapper/0-1   [000] d....     1.000020: probe: (iommu_probe_device+0x0/0x88) dev=\"a.nic\"\n"
        "   swapper/0-1   [000] .....     1.000120: add_device_to_group: IOMMU: groupID=0 device=a.nic\n"
        "   swapper/0-1   [000] .....     1.000160: attach_device_to_domain: IOMMU: device=a.nic\n"
        "   swapper/0-1   [000] d....     1.000170: probe_ret: (y+0x1/0x2 <- iommu_probe_device) ret=0\n"
        "   swapper/0-1   [000] d....     1.001000: drv_ret: (z+0x1/0x2 <- really_probe) ret=0\n"
        "[    1.1] a line of the log\n");
    CHECK(trace.lines == 11);
    REQUIRE(trace.calls.size() == 3);
    CHECK(trace.calls[0].function == "iommu_probe_device");
    CHECK(trace.calls[0].duration_ns == 30'000);
    CHECK(trace.calls[0].returned == -19);
    CHECK(trace.calls[1].duration_ns == 150'000);
    CHECK(trace.calls[2].driver == "nic");
    CHECK(trace.calls[2].duration_ns == 1'000'000);
    REQUIRE(trace.moments.size() == 5);
    CHECK(trace.moments[2].event == "iommu_fwspec_add_ids");
    CHECK(trace.moments[2].within == "really_probe");
    CHECK(trace.moments[2].previous == "iommu_fwspec_add_ids");
    CHECK(trace.moments[2].since_previous_ns == 5'000);
    CHECK(trace.moments[3].within == "iommu_probe_device");
    CHECK(trace.moments[3].since_entry_ns == 100'000);
    CHECK(trace.whole_microseconds);
    CHECK(trace.unfinished == 0);
}

TEST_CASE("calibrate: a function graph, with and without what may stand in front of a duration", "[study][calibrate]") {
    const TraceCalls trace = read_trace(
        "# tracer: function_graph\n"
        " 1)               |  of_iommu_configure() {\n"
        " 1)   0.530 us    |    iommu_fwspec_init();\n"
        " 0)   0.100 us    |  kfree();\n"
        " 1)               |    of_iommu_xlate() {\n"
        " 1)   0.080 us    |      iommu_ops_from_fwnode();\n"
        " 1)   1.250 us    |    }\n"
        " 1) + 12.300 us   |  } /* of_iommu_configure */\n"
        "   12.345678 |   0)   swapper-1   |   0.090 us    |  kfree();\n"
        " 0) ! 150.000 us  |  iommu_domain_alloc();\n");
    REQUIRE(trace.calls.size() == 7);
    CHECK(trace.calls[0].duration_ns == 530);
    CHECK(trace.calls[3].function == "of_iommu_xlate");
    CHECK(trace.calls[3].duration_ns == 1'250);
    CHECK(trace.calls[4].function == "of_iommu_configure");
    CHECK(trace.calls[4].duration_ns == 12'300);
    CHECK(trace.calls[5].duration_ns == 90);
    CHECK(trace.calls[6].duration_ns == 150'000);
    CHECK_FALSE(trace.whole_microseconds);
}

TEST_CASE("calibrate: costs are medians, and what is written is a config", "[study][calibrate]") {
    std::string text;
    for (const char* duration : {"4.000", "5.000", "6.000", "5.000", "100.000"})
        text += " 0) " + std::string(duration) + " us    |  of_iommu_xlate();\n";
    text += " 0) 0.200 us    |  kfree();\n 0) 0.300 us    |  kfree();\n";
    const TraceFile file(text);
    const Json calibration = calibrate(file.path);
    CHECK(costs_of(calibration) == Json({{"kfree", 250}, {"parse_iommus_entry", 5000}}));
    CHECK(calibration["costs"][1]["error"] == 0.1);  // half of them from 5 to 6 us
    CHECK(calibration["costs"][0]["note"] == "only 2 of them");
    CHECK(calibration["cost_spread"].get<double>() == Approx(0.1 * 2 / 1.349).margin(0.005));
    CHECK(calibration["check"].is_null());
    const std::string yaml = calibration_yaml(calibration);
    const Config config = parse_config("firmware: { generate: devicetree }\n" + yaml, "fitted.yaml");
    CHECK(config.kernel.costs.parse_iommus_entry.fs == 5000 * kFsPerNs);
    CHECK(config.kernel.costs.kfree.fs == 250 * kFsPerNs);
    CHECK(config.kernel.cost_spread.numerator != 0);
}

TEST_CASE("calibrate: what says nothing is refused with what would", "[study][calibrate]") {
    CHECK(why_not("").find("has no events of a trace; expected lines of ftrace") != std::string::npos);
    CHECK(why_not("[    0.000000] Linux version 6.12\n").find("has no events of a trace") != std::string::npos);
    CHECK(why_not(" 0) 0.200 us    |  schedule();\n").find("its 1 events say nothing of a step that has a cost") !=
          std::string::npos);
    CHECK(why_not("\xff\xfe - [0] 1.: a: (\n 1) us |  }\n 99999999999999999999) |  f() {\n")
              .find("its 2 events say nothing of a step that has a cost") != std::string::npos);
    CHECK_THROWS_AS(calibrate("/nonexistent"), InputError);
}

TEST_CASE("calibrate: every recorded boot of the corpus that has events gives costs", "[study][calibrate]") {
    if (tests::skip_without_corpus()) return;
    std::size_t fitted = 0;
    std::size_t checked = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(*tests::corpus())) {
        if (entry.path().filename() != "boot.log") continue;
        std::ifstream stream(entry.path(), std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        CAPTURE(entry.path().string());
        if (text.find("add_device_to_group: ") == std::string::npos) continue;
        const Json calibration = calibrate(entry.path().string());
        ++fitted;
        CHECK_FALSE(calibration["costs"].empty());
        for (const Json& cost : calibration["costs"]) CHECK(cost["ns"].get<std::uint64_t>() < 100'000'000);
        parse_config("firmware: { generate: devicetree }\n" + calibration_yaml(calibration), "fitted.yaml");
        if (calibration["check"].is_null() || calibration["check"]["count"] < 5) continue;
        // The parts of iommu_probe_device are most of it; under emulation medians of parts and of the whole differ.
        CHECK(calibration["check"]["error"].get<double>() < 0.75);
        ++checked;
    }
    tests::went_over(fitted, "boot.log with events");
}
