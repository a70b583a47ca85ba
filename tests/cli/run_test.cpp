// Whole runs through the program: results, determinism, simulated faults, expectations.
#include <cctype>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::string config(const std::string& name) { return quoted(std::string(source_dir()) + "/configs/" + name + ".yaml"); }

/// Runs a config of configs/; its expectations hold, so it ends well.
Json run_config(const std::string& name, const std::string& options = "") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + config(name) + " --out result " + options);
    INFO(said.out);
    INFO(said.err);
    REQUIRE(said.status == 0);
    CHECK(said.err.empty());
    CHECK(said.out.find("Expectations") != std::string::npos);
    for (const char* file : {"result.json", "host.json", "config.resolved.yaml", "manifest.json", "console.log"}) {
        INFO(file);
        CHECK(std::filesystem::file_size(scratch.path(std::string("result/") + file)) > 0);
    }
    return Json::parse(read_text(scratch.path("result/result.json")));
}

}  // namespace

TEST_CASE("run: quickstart boots, translates and says where the time went", "[cli][run]") {
    const Json result = run_config("quickstart");
    CHECK(result["schema"] == "xlate.result/1");
    for (const Json& master : result["masters"]) {
        INFO(master["device"]);
        double sum = 0;
        for (const auto& [part, ns] : master["breakdown_ns"].items()) sum += ns.get<double>();
        CHECK(sum == Approx(master["latency_ns"]["mean"].get<double>()).margin(0.01));
    }
}
TEST_CASE("run: passthrough translates nothing", "[cli][run]") { run_config("passthrough"); }
TEST_CASE("run: what a stream's registers let bypass is no TLB look-up", "[cli][run]") {
    const auto smmu = [](const std::string& options) {
        const Scratch scratch;
        const Said said =
            run_xlate(scratch, "run " + config("smmuv2") + " --quiet --out r --set 'expect=[]' " + options);
        INFO(said.err);
        REQUIRE(said.status == 0);
        return Json::parse(read_text(scratch.path("r/result.json")))["iommus"][0];
    };
    for (const std::string fidelity : {"exact", "fast"}) {
        for (const std::string micro_tlb : {"false", "true"}) {
            INFO(fidelity << " " << micro_tlb);
            const std::string options =
                "--set soc.fidelity=" + fidelity +
                " --set 'soc.iommus[\"/soc/iommu@9050000\"].tbu.micro_tlb.enabled=" + micro_tlb + "'";
            const Json translated = smmu(options);
            CHECK(translated["bypassed"] == 0);
            CHECK(translated["tlb"]["lookups"].get<std::uint64_t>() >= translated["translations"].get<std::uint64_t>());
            CHECK(translated["tlb"]["hits"].get<std::uint64_t>() > 0);
            CHECK((translated["micro_tlb"]["lookups"] != 0) == (micro_tlb == "true"));
            const Json bypassed = smmu(options + " --set kernel.parameters.iommu.passthrough=1");
            CHECK(bypassed["bypassed"].get<std::uint64_t>() > 10'000);
            CHECK(bypassed["bypassed"] == bypassed["translations"]);
            for (const char* const tlb : {"tlb", "micro_tlb", "main_tlb", "tcu_tlb"}) {
                INFO(tlb);
                CHECK(bypassed[tlb]["lookups"] == 0);
                CHECK(bypassed[tlb]["hits"] == 0);
            }
        }
    }
}
TEST_CASE("run: strict unmapping waits for a SYNC each time", "[cli][run]") { run_config("strict"); }
TEST_CASE("run: lazy unmapping collects invalidations", "[cli][run]") { run_config("lazy"); }
TEST_CASE("run: an unmap mid-traffic is an F_TRANSLATION and the run goes on", "[cli][run]") {
    const Json result = run_config("unmap_mid_traffic");
    CHECK(result["kernel"]["races"].empty());
}
TEST_CASE("run: with msi-parent the SMMU's events reach the kernel as messages, and SYNCs complete by one",
          "[cli][run]") {
    const Scratch scratch;
    const auto lines_of = [&](const char* out, const char* board, const char* msi) {
        const Said said =
            run_xlate(scratch, "run " + config("unmap_mid_traffic") + " --quiet --sanitize --out " + out +
                                   " --set firmware.devicetree=" + board + " --set soc.iommu.features.msi=" + msi);
        INFO(said.err);
        CHECK(said.status == 0);
        std::vector<std::string> events;
        std::istringstream log(read_text(scratch.path(std::string(out) + "/console.log")));
        for (std::string line; std::getline(log, line);) {
            if (line.find("event 0x10 received") != std::string::npos) events.push_back(line);
        }
        return events;
    };
    const auto messages = lines_of("messages", "msi.dtb", "true");
    const auto wires = lines_of("wires", "msi.dtb", "false");
    const auto fallback = lines_of("fallback", "quickstart.dtb", "true");
    CHECK(messages.size() == 10);  // of many: Linux prints ten in five seconds
    CHECK(wires.size() == 10);
    CHECK(fallback.size() == 10);
    CHECK(messages != wires);  // by the interconnect instead of the wire: another time
    const auto said = [&](const char* out) {
        return read_text(scratch.path(std::string(out) + "/console.log")).find("msi_domain absent") !=
               std::string::npos;
    };
    CHECK_FALSE(said("messages"));
    CHECK_FALSE(said("wires"));
    CHECK(said("fallback"));
}
TEST_CASE("run: every study's first point ends as it expects", "[cli][run]") {
    std::size_t studies = 0;
    for (const auto& file : std::filesystem::directory_iterator(std::string(source_dir()) + "/configs/studies")) {
        CAPTURE(file.path().string());
        run_config("studies/" + file.path().stem().string());
        ++studies;
    }
    CHECK(studies >= 6);
}
TEST_CASE("run: a late SMMU module defers its masters", "[cli][run]") { run_config("late_smmu_module"); }
TEST_CASE("run: odd masters bind as Linux lets them", "[cli][run]") { run_config("deferred_timeout"); }
TEST_CASE("run: an ATC that no driver switches on is said, whatever the IOMMU", "[cli][run]") {
    const Json without = run_config("x86-vtd", "--set 'soc.pci[3].below[0].atc.entries=64'");
    CHECK(without["masters"][1]["atc"]["enabled"] == false);
    CHECK(without["warnings"] ==
          Json::array({"0000:01:00.0: its atc is not used: the driver of dmar1 has not switched ATS on: it takes "
                       "ECAP.DT (soc.iommu.vt-d.like) and, below a root port, an ATSR structure of the DMAR that names "
                       "the port"}));
    for (const Json& warning : run_config("ats")["warnings"])
        CHECK(warning.get<std::string>().find("its atc is not used") == std::string::npos);
}
TEST_CASE("run: units of x86 have device TLBs used where firmware and function allow it", "[cli][run]") {
    const Json intel =
        run_config("x86-vtd", "--sanitize --set 'soc.pci[0].atc.entries=64' --set 'traffic[0].transfers=500'");
    CHECK(intel["masters"][0]["atc"]["enabled"] == true);
    CHECK(intel["masters"][0]["atc"]["hits"].get<int>() > 400);
    CHECK(intel["warnings"].empty());
    CHECK(intel["sanitizer"]["findings"].empty());
}
TEST_CASE("run: what is behind a port that faces the outside is strict, and bounces", "[cli][run]") {
    const std::string outside = "--set 'soc.pci[3].external_facing=true' --set 'expect=[faults == 0]'";
    const Json low = run_config("x86-amd", outside);
    CHECK(low["warnings"] == Json::array({"0000:02:00.0: 500 of its mappings failed, and no transfer came of them: "
                                          "console.log says why"}));
    const Json high =
        run_config("x86-amd", outside + " --set soc.memory.base=0x40000000 --set 'soc.memory.size=8 GiB'");
    CHECK(high["warnings"].empty());
    for (const Json& group : high["groups"]) {
        if (group["devices"] == Json::array({"0000:02:00.0"})) CHECK(group["type"] == "DMA");
    }
    CHECK(high["masters"][1]["reads"].get<int>() + high["masters"][1]["writes"].get<int>() == 500);
    CHECK(high["kernel"]["swiotlb"]["bounces"] == 500);
}
TEST_CASE("run: conventional bridges share ids", "[cli][run]") { run_config("conventional_bridge"); }
TEST_CASE("run: two SMMUs, a shape each", "[cli][run]") { run_config("two_smmus"); }
TEST_CASE("run: a tiny TLB walks for nearly every transfer", "[cli][run]") { run_config("tiny_tlb"); }
TEST_CASE("run: a stray master is refused and the run goes on", "[cli][run]") { run_config("stray_dma"); }
TEST_CASE("run: a defect of the series costs a device its stream ids", "[cli][run]") {
    const Json result = run_config("series_defect");
    REQUIRE(result["untranslated"].size() == 1);
    CHECK(result["untranslated"][0]["kind"] == "refused");
}
TEST_CASE("run: a function with an ATC does ATS, unmaps reach it, and its ledger still adds up", "[cli][run]") {
    const Json result = run_config("ats", "--sanitize");
    CHECK(result["masters"][1]["atc"]["hits"].get<int>() > 1800);
    CHECK(result["iommus"][0]["ats_translated"] == 2000);
    CHECK(result["sanitizer"]["ledger"]["differing"] == 0);
    CHECK(result["masters"][0].count("atc") == 0);
}
TEST_CASE("run: pages appear when a device asks for them, and its ledger adds up", "[cli][run]") {
    const Json result = run_config("pri", "--sanitize");
    CHECK(result["kernel"]["races"].empty());
    CHECK(result["masters"][0]["atc"]["page_requests"] == 64);
    CHECK(result["masters"][0]["atc"]["denied"] == 0);
    CHECK(result["sanitizer"]["ledger"]["differing"] == 0);
    CHECK(result["sanitizer"]["findings"].empty());
    // What is mapped beforehand is not asked for.
    const Json mapped = run_config("pri", "--set 'traffic[0].mapping=once' --set 'expect=[faults == 0]'");
    CHECK(mapped["masters"][0]["atc"].count("page_requests") == 0);
}
TEST_CASE("run: a command queue for each CPU lets their unmaps go side by side", "[cli][run]") {
    const auto run = [](const std::string& queues) {
        return run_config("studies/ecmdq",
                          "--sanitize --set traffic[0].tasks=8 --set traffic[0].outstanding=32 --set "
                          "traffic[0].transfers=2000 --set soc.iommu.features.ecmdq=" +
                              queues);
    };
    const auto bandwidth = [](const Json& result) {
        return result["masters"][0]["bandwidth_bytes_per_s"].get<double>();
    };
    const Json one = run("0");
    const Json eight = run("8");
    CHECK(bandwidth(eight) > 1.4 * bandwidth(one));
    CHECK(eight["iommus"][0]["syncs"] == one["iommus"][0]["syncs"]);
    CHECK(eight["sanitizer"]["findings"].empty());
    CHECK(one["sanitizer"]["findings"].empty());
}
TEST_CASE("run: a wrong requester id has no stream", "[cli][run]") { run_config("wrong_requester_id"); }

TEST_CASE("run: the same config and seed give the same bytes, another seed does not", "[cli][run]") {
    const Scratch scratch;
    for (const char* arguments : {" --out a", " --out b", " --out c --seed 2"}) {
        const Said said = run_xlate(scratch, "run " + config("quickstart") + " --quiet" + arguments);
        INFO(said.err);
        REQUIRE(said.status == 0);
        CHECK(said.out.empty());
    }
    for (const char* file : {"result.json", "console.log", "manifest.json", "config.resolved.yaml"}) {
        INFO(file);
        CHECK(read_text(scratch.path(std::string("a/") + file)) == read_text(scratch.path(std::string("b/") + file)));
    }
    CHECK(read_text(scratch.path("a/result.json")) != read_text(scratch.path("c/result.json")));
    CHECK(run_xlate(scratch, "compare a b").status == 0);
    const Said different = run_xlate(scratch, "compare a c");
    CHECK(different.status == 1);
    CHECK(different.out.find("digest: ") != std::string::npos);
    CHECK(run_xlate(scratch, "compare a nowhere").status == 2);
}

TEST_CASE("run: the resolved config of a run gives the run again", "[cli][run]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, "run " + config("quickstart") + " --quiet --out a").status == 0);
    const Said said = run_xlate(scratch, "run a/config.resolved.yaml --quiet --out b");
    INFO(said.err);
    REQUIRE(said.status == 0);
    CHECK(read_text(scratch.path("a/result.json")) == read_text(scratch.path("b/result.json")));
}

TEST_CASE("run: an expectation that fails is status 1 and a JUnit failure", "[cli][run]") {
    const Scratch scratch;
    const Said said =
        run_xlate(scratch, "run " + config("passthrough") +
                               " --set 'expect=[faults == 1, kernel.oops == 0]' --junit out.xml --out result");
    INFO(said.err);
    CHECK(said.status == 1);
    CHECK(said.err.find("1 of 2 expectations failed") != std::string::npos);
    CHECK(said.out.find("FAILED faults == 1") != std::string::npos);
    const std::string xml = read_text(scratch.path("out.xml"));
    CHECK(xml.find("failures=\"1\"") != std::string::npos);
    CHECK(xml.find("found 0, expected == 1") != std::string::npos);
}

TEST_CASE("run: a limit is status 4 and what was simulated is kept", "[cli][run]") {
    const Scratch scratch;
    const Said said = run_xlate(
        scratch, "run " + config("quickstart") + " --set 'expect=[]' --set 'limits.sim_time=2 ms' --out result");
    INFO(said.err);
    CHECK(said.status == 4);
    CHECK(said.err.find("limits.sim_time was reached") != std::string::npos);
    CHECK(Json::parse(read_text(scratch.path("result/result.json")))["sim"]["outcome"] == "time_limit");
}

// Linux pci_scan_slot(): without function 0 nothing of a slot is there, nor what is behind it.
TEST_CASE("run: functions of a slot without function 0 are not found, and it is said why", "[cli][run]") {
    const Scratch scratch;
    scratch.file(
        "c.yaml",
        "firmware: {devicetree: " + board("quickstart") +
            "}\nsoc:\n  pci:\n    - {slot: \"00:01.1\", driver: nvme}\n    - slot: \"00:02.1\"\n      kind: root-port\n"
            "      below: [{slot: \"00.0\", driver: e1000e}]\n    - {slot: \"00:03.0\", driver: e1000e}\n");
    const Said said = run_xlate(scratch, "run c.yaml --out r");
    CHECK(said.status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    std::map<std::string, std::string> why;
    for (const Json& one : result["untranslated"]) why[one["device"]] = one["why"];
    CHECK(why["0000:00:01.1"] == "Linux does not find it: slot 0000:00:01 has no function 0, and looks empty");
    CHECK(why["0000:01:00.0"].find("what it is behind was not scanned") != std::string::npos);
    CHECK(why.count("0000:00:03.0") == 0);
}

TEST_CASE("run: an interrupt is status 130 and what was simulated is kept and marked", "[cli][run]") {
    const Scratch scratch;
    // When its trace grows a run is under way. A terminal that closes tells of it twice, as timeout(1) does. A command
    // that runs in the background of a script ignores INT, and below nohup HUP.
    scratch.file("when_under_way.sh",
                 "signal=$1; shift\n"
                 "env --default-signal=INT,HUP \"$@\" & pid=$!\n"
                 "until [ -n \"$(find $signal -size +8k 2>/dev/null)\" ]; do kill -0 $pid || break; sleep 0.02; done\n"
                 "kill -s $signal $pid; kill -s $signal $pid; wait $pid\n");
    for (const std::string signal : {"INT", "HUP", "TERM"}) {
        INFO(signal);
        const Said said = run_xlate(
            scratch,
            "run " + config("quickstart") + " --quiet --trace --set 'traffic[0].transfers=1000000000' --out " + signal,
            "sh when_under_way.sh " + signal);
        CHECK(said.status == 130);
        CHECK(said.err.find("interrupted") != std::string::npos);
        const Json result = Json::parse(read_text(scratch.path(signal + "/result.json")));
        CHECK(result["sim"]["outcome"] == "interrupted");
    }
}

TEST_CASE("run: entries that do not divide into their ways are refused, of a cache that is off, too", "[cli][run]") {
    const Scratch scratch;
    for (const char* cache : {"tcu.ipa_cache", "tcu.tlb", "tcu.config_cache", "tbu.micro_tlb", "tbu.tlb"}) {
        for (const char* enabled : {"true", "false"}) {
            const std::string set = std::string(" --set soc.iommu.") + cache;
            const Said said = run_xlate(scratch, "run " + config("quickstart") + " --quiet --out r" + set +
                                                     ".entries=128" + set + ".ways=3" + set + ".enabled=" + enabled);
            INFO(cache << " " << enabled << ": " << said.err);
            CHECK(said.status == 2);
            CHECK(said.err.find(std::string(cache) + ".entries: 128 entries do not divide into 3 ways") !=
                  std::string::npos);
        }
    }
}

TEST_CASE("run: a rogue that comes when nothing is left to do says so", "[cli][run]") {
    const Scratch scratch;
    const std::string run = "run " + config("stray_dma") + " --quiet --set 'expect=[]' --out r --set 'rogues[0].at=";
    const auto warnings = [&](const std::string& rest) {
        run_xlate(scratch, run + rest);
        return Json::parse(read_text(scratch.path("r/result.json")))["warnings"].dump();
    };
    CHECK(warnings("1 ms'").find("rogues[0]") == std::string::npos);
    CHECK(warnings("20 ms'").find("rogues[0]: a000000.video accesses nothing at 0x1000: it had made all its transfers "
                                  "before 20 ms") != std::string::npos);
    CHECK(warnings("20 ms' --set limits.sim_time='15 ms'").find("the run was over before 20 ms") != std::string::npos);
}

// Lines: as Linux's drivers print them. The machine is quiet but for these accesses: nothing else makes the IOMMU look.
TEST_CASE("run: the first stray access of a quiet machine is printed by its kernel", "[cli][run]") {
    struct Case {
        const char* config;
        const char* device;
        const char* line;
    };
    const Case cases[] = {
        {"x86-vtd", "0000:00:01.0",
         "DMAR: [DMA Read NO_PASID] Request device [00:01.0] fault addr 0x77770000 [fault reason 0x06] PTE Read access "
         "is not set"},
        {"x86-amd", "0000:01:00.0",
         "AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0006 address=0x77770000 flags=0x0000]"},
        {"smmuv2", "0000:00:01.0",
         "Unhandled context fault: fsr=0x402, iova=0x77770000, fsynr=0x0, cbfrsynra=0x8, cb=1"},
        {"dart", "a000000.display", "stream:0 code:0x2 (NO PMD FOR IOVA) at 0x77770000"},
        {"sun50i", "1100000.display", "Page fault for 0x0000000077770000 (master 0, dir rd)"},
        {"mediatek-v1", "14007000.display", "fault type=0x1 iova=0x77770000 pa=0x0 larb=0 port=0"},
    };
    for (const Case& one : cases) {
        const Scratch scratch;
        const std::string device = one.device;
        const Said said = run_xlate(
            scratch, "run " + config(one.config) + " --quiet --out r --set 'expect=[]' --set 'traffic=[{device: \"" +
                         device + "\", pattern: linear, transfers: 100, size: 64 B, map_delay: 10 ms}]'" +
                         " --set 'rogues=[{device: \"" + device + "\", at: 3 ms, iova: 0x77770000, size: 4 KiB}]'");
        INFO(one.config << ": " << said.err);
        REQUIRE(said.status == 0);
        const std::string log = read_text(scratch.path("r/console.log"));
        INFO(log);
        CHECK(log.find(one.line) != std::string::npos);
    }
}

TEST_CASE("run: an unmap that comes too late, or names no mapping, says so", "[cli][run]") {
    const Scratch scratch;
    const auto warnings = [&](const std::string& sets) {
        run_xlate(scratch, "run " + config("unmap_mid_traffic") + " --quiet --set 'expect=[]' --out r " + sets);
        return Json::parse(read_text(scratch.path("r/result.json")))["warnings"].dump();
    };
    CHECK(warnings("").find("unmap") == std::string::npos);
    CHECK(warnings("--set 'traffic[0].unmap.after=50 ms'")
              .find("traffic[0].unmap.after: the traffic of a000000.video was over by then") != std::string::npos);
    CHECK(warnings("--set 'traffic[0].unmap.chunk=9'")
              .find("traffic[0].unmap.chunk: a000000.video has 4 mappings: number 3, the last, was unmapped") !=
          std::string::npos);
    CHECK(warnings("--set 'traffic[0].unmap.after=50 ms' --set limits.sim_time='20 ms'")
              .find("nothing of a000000.video was unmapped") != std::string::npos);
}

TEST_CASE("run: the wait for software's answer to a page request is not the IOMMU's queue", "[cli][run]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + config("pri") + " --out r");
    REQUIRE(said.status == 0);
    CHECK(said.out.find("memory  return  software\n") != std::string::npos);
    const Json master = Json::parse(read_text(scratch.path("r/result.json")))["masters"][0];
    const Json& parts = master["breakdown_ns"];
    CHECK(parts["software"] == master["parts_ns"]["stall"]);
    CHECK(parts["software"].get<double>() > 0);
    CHECK(parts["iommu_queue"].get<double>() == master["parts_ns"].value("iommu_queue", 0.0));
    double sum = 0;
    for (const auto& [part, ns] : parts.items()) sum += ns.get<double>();
    CHECK(sum == Approx(master["latency_ns"]["mean"].get<double>()).margin(0.02));
    // Where no master waits for software there is no such column.
    const Said other = run_xlate(scratch, "run " + config("ats") + " --out a");
    CHECK(other.out.find("memory  return\n") != std::string::npos);
    CHECK(Json::parse(read_text(scratch.path("a/result.json")))["masters"][0]["breakdown_ns"]["software"] == 0);
}

TEST_CASE("run: page-table work that takes no measured time is said where it matters", "[cli][run]") {
    const Scratch scratch;
    const auto says = [&](const std::string& arguments) {
        const Said said = run_xlate(scratch, "run " + arguments + " --out r");
        INFO(said.err);
        CHECK(said.status == 0);
        return said.out.find("assumed: kernel.costs.page_tables is x86: page-table work of 0000:00:01.0 ") !=
               std::string::npos;
    };
    CHECK(says(config("strict")));
    CHECK_FALSE(says(config("strict") + " --set kernel.costs.page_tables=all"));
    CHECK_FALSE(says(config("strict") + " --set kernel.costs.page_tables=none"));  // then no family pays
    CHECK_FALSE(says(config("strict") + " --set kernel.parameters.iommu.passthrough=1 --set 'expect=[]'"));
    CHECK_FALSE(says(config("x86-vtd")));
    CHECK_FALSE(says(config("passthrough")));
}

TEST_CASE("run: a device tree alone boots and does DMA", "[cli][run]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + quoted(board("quickstart")) + " --variant linux-6.12 --out result");
    INFO(said.err);
    REQUIRE(said.status == 0);
    CHECK(said.out.find("assumed: ") != std::string::npos);
    const Json result = Json::parse(read_text(scratch.path("result/result.json")));
    REQUIRE(result["masters"].size() == 4);
    for (const Json& master : result["masters"]) {
        INFO(master["device"]);
        CHECK(master["bytes"] == 64000);
        CHECK(master["faults"] == 0);
    }
    CHECK(result["iommus"][0]["translations"] == 4000);
}

TEST_CASE("run: the console is a kernel log with simulated time", "[cli][run]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, "run " + config("unmap_mid_traffic") + " --quiet --out result").status == 0);
    const std::string log = read_text(scratch.path("result/console.log"));
    CHECK(log.find("[    0.") == 0);
    CHECK(log.find("arm-smmu-v3 9050000.iommu: ias ") != std::string::npos);
    CHECK(log.find("Adding to iommu group 0") != std::string::npos);
    CHECK(log.find("event 0x10 received:") != std::string::npos);
}
