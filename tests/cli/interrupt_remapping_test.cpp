// MSIs of masters through the interrupt remapping tables of VT-d and AMD-Vi, in runs.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "firmware/acpi/table_writer.hpp"
#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

Json result_of(const std::string& config, const std::string& set) {
    const Scratch scratch;
    std::string command = "run " + quoted(std::string(source_dir()) + "/configs/" + config + ".yaml") +
                          " --quiet --set 'expect=[kernel.oops == 0]' --out r";
    if (!set.empty()) command += " --set " + quoted(set);
    const Said said = run_xlate(scratch, command);
    INFO(said.err);
    REQUIRE(said.status == 0);
    return Json::parse(read_text(scratch.path("r/result.json")));
}

std::uint64_t interrupts(const Json& result) {
    std::uint64_t all = 0;
    for (const Json& iommu : result["iommus"]) all += iommu["counters"]["interrupts"].get<std::uint64_t>();
    return all;
}

}  // namespace

TEST_CASE("interrupt remapping: masters' messages go through the tables in a plain run", "[cli][interrupts]") {
    for (const char* config : {"x86-vtd", "x86-amd"}) {
        CAPTURE(config);
        const Json result = result_of(config, "");
        CHECK(interrupts(result) > 100);
        CHECK(result["faults"].empty());
    }
    // The NIC is behind dmar1, and nobody else of this config interrupts.
    const Json vtd = result_of("x86-vtd", "");
    for (const Json& iommu : vtd["iommus"]) CHECK((iommu["counters"]["interrupts"] != 0) == (iommu["name"] == "dmar1"));
    CHECK(interrupts(result_of("x86-vtd", "kernel.parameters={intremap: \"off\"}")) == 0);
}

TEST_CASE("interrupt remapping: a message without an entry is refused, recorded, and its driver goes on",
          "[cli][interrupts]") {
    struct Row {
        const char* config;
        const char* device;
        const char* reason;
    };
    for (const Row& row : {Row{"x86-vtd", "0000:01:00.0", "interrupt entry not present"},
                           Row{"x86-amd", "0000:02:00.0", "IO_PAGE_FAULT"}}) {
        CAPTURE(row.config);
        const Json result = result_of(row.config, "kernel.mistakes=[irte-not-written]");
        REQUIRE_FALSE(result["faults"].empty());
        for (const Json& fault : result["faults"]) {
            CHECK(fault["device"] == row.device);
            CHECK(fault["reason"] == row.reason);
            CHECK(fault["iova"].get<std::uint64_t>() >> 20 == 0xFEE);
        }
        // Its driver hears of nothing, and looks by itself: all is transferred.
        const Json plain = result_of(row.config, "");
        const auto moved = [&](const Json& of) {
            const auto at = std::find_if(of["masters"].begin(), of["masters"].end(),
                                         [&](const Json& master) { return master["device"] == row.device; });
            return at->at("bytes").get<std::uint64_t>() / 4096;
        };
        CHECK(moved(result) == moved(plain));
    }
}

TEST_CASE("interrupt remapping: a message is no transfer: not in what was done, moved, or how long it took",
          "[cli][interrupts]") {
    const Scratch scratch;
    for (const char* caching_mode : {"off", "on"}) {
        CAPTURE(caching_mode);
        scratch.file("m.yaml", R"(
firmware: { generate: acpi }
soc:
  board: { cpus: 2, iommus: [ { name: iommu, kind: vt-d } ] }
  memory: { base: 0x100000000 }
  pci: [ { slot: "00:01.0", driver: nvme } ]
  iommu: { vt-d: { caching_mode: )" +
                                   std::string(caching_mode) +
                                   R"( } }
kernel: { arch: x86, variant: linux-6.12 }
traffic: [ { device: "0000:00:01.0", mapping: per-transfer, size: 4 KiB, outstanding: 4, warmup: 100, transfers: 500 } ]
)");
        const Said said = run_xlate(scratch, "run m.yaml --out r --sqlite --transactions");
        INFO(said.err);
        REQUIRE(said.status == 0);
        const Json result = Json::parse(read_text(scratch.path("r/result.json")));
        const Json& master = result["masters"][0];
        const auto count = [&](const char* key) { return master[key].get<std::uint64_t>(); };
        CHECK(count("messages") == interrupts(result));
        CHECK(count("messages") > 100);
        CHECK(count("issued") == 500 + count("messages"));
        CHECK(count("reads") + count("writes") + count("warmup_left_out") == 500);
        CHECK(count("bytes") == (count("reads") + count("writes")) * 4096);
        // 4 KiB over the link of 8 GB/s take 0.5 us and more, a message does not.
        CHECK(master["latency_ns"]["min"].get<double>() > 500);
        double sum = 0;
        for (const auto& [part, ns] : master["breakdown_ns"].items()) sum += ns.get<double>();
        CHECK(sum == Approx(master["latency_ns"]["mean"].get<double>()).margin(0.02));
        const Json series = Json::parse(read_text(scratch.path("r/series.json")));
        std::uint64_t ended = 0;
        for (const Json& bin : series["masters"][0]["transfers"]) ended += bin.get<std::uint64_t>();
        CHECK(ended == 500);
    }
}

// Linux drivers/iommu/amd/init.c, check_ioapic_information(): the last word is that of the last I/O APIC that is
// missing or the south bridge's.
TEST_CASE("interrupt remapping: AMD firmware that leaves an I/O APIC out gets none", "[cli][interrupts]") {
    const std::string boards = std::string(binary_dir()) + "/boards/x86_amd_";
    const auto run_with = [&](std::vector<std::uint8_t> io_apics) {
        const Scratch scratch;
        xlate::firmware::acpi::TableWriter madt("APIC", 4);
        madt.u32(0xFEE00000).u32(1);
        for (std::uint8_t cpu = 0; cpu < 4; ++cpu) madt.u8(0).u8(8).u8(cpu).u8(cpu).u32(1);
        for (const std::uint8_t id : io_apics) madt.u8(1).u8(12).u8(id).u8(0).u32(0xFEC00000).u32(0);
        const std::vector<std::uint8_t> bytes = madt.finish();
        scratch.file("apic.dat", std::string(bytes.begin(), bytes.end()));
        const Said said = run_xlate(scratch, "run " + quoted(std::string(source_dir()) + "/configs/x86-amd.yaml") +
                                                 " --quiet --set 'expect=[kernel.oops == 0]' --out r --set " +
                                                 quoted("firmware.acpi=[" + boards + "ivrs.dat, " + boards +
                                                        "mcfg.dat, " + scratch.path("apic.dat") + "]"));
        INFO(said.err);
        REQUIRE(said.status == 0);
        return std::pair{interrupts(Json::parse(read_text(scratch.path("r/result.json")))),
                         read_text(scratch.path("r/console.log"))};
    };
    const auto says = [](const std::string& log, const char* text) { return log.find(text) != std::string::npos; };
    const auto all = run_with({4});
    CHECK(all.first > 100);
    CHECK_FALSE(says(all.second, "Disabling interrupt remapping"));
    const auto one_missing = run_with({4, 5});
    CHECK(one_missing.first == 0);
    CHECK(says(one_missing.second, "AMD-Vi: [Firmware Bug]: : IOAPIC[5] not in IVRS table"));
    CHECK_FALSE(says(one_missing.second, "No southbridge"));
    CHECK(says(one_missing.second, "AMD-Vi: Disabling interrupt remapping"));
    CHECK(run_with({5, 4}).first > 100);
    const auto none_known = run_with({7});
    CHECK(none_known.first == 0);
    CHECK(says(none_known.second, "AMD-Vi: [Firmware Bug]: : No southbridge IOAPIC found"));
}
