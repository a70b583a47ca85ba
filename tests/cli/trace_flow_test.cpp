// A run's trace, decoded: from a transaction by its flow to its translation, the walk, the walk's reads and back; what
// a window, a name and the first fault leave of it.
#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"
#include "tests/study/perfetto_decoder.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

const std::string kQuickstart = quoted(std::string(source_dir()) + "/configs/quickstart.yaml");

bool starts_with(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }

/// Slices and moments of the flow, by their starts.
std::vector<const TraceSlice*> steps_of(const DecodedTrace& trace, std::uint64_t flow) {
    std::vector<const TraceSlice*> steps;
    for (const TraceSlice& slice : trace.slices) {
        for (const std::vector<std::uint64_t>* ids : {&slice.flows, &slice.last_of}) {
            if (std::find(ids->begin(), ids->end(), flow) != ids->end()) steps.push_back(&slice);
        }
    }
    std::stable_sort(steps.begin(), steps.end(),
                     [](const TraceSlice* a, const TraceSlice* b) { return a->start_ns < b->start_ns; });
    return steps;
}

std::uint64_t length_fs(const TraceSlice& slice) { return slice.numbers.at("end_fs") - slice.numbers.at("start_fs"); }

}  // namespace

TEST_CASE("trace: the slowest walk's transaction leads to its walk, the walk's reads and back", "[cli][trace]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, "run " + kQuickstart + " --quiet --trace --out r").status == 0);
    const std::string file = read_text(scratch.path("r/trace.pftrace"));
    const DecodedTrace trace = decode_trace(file);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    // Every track that a reader looks for.
    std::set<std::string> paths;
    for (const auto& [uuid, track] : trace.tracks) paths.insert(trace.path(uuid));
    for (const char* wanted :
         {"CPUs/cpu0", "tasks/swapper/0", "locks/iommu_probe_device_lock", "masters/a010000.dma",
          "masters/a010000.dma outstanding", "masters/a010000.dma MB/s", "9050000.iommu/port a010000.dma",
          "9050000.iommu/walk slots", "9050000.iommu/reads", "9050000.iommu/commands 0", "9050000.iommu/TLB hits %",
          "memory/memory", "kernel/log", "kernel/swapper/0"}) {
        INFO(wanted);
        CHECK(paths.count(wanted) == 1);
    }
    // Every transaction, each with a flow of its own that comes back.
    std::map<std::string, std::size_t> transfers;
    const TraceSlice* slowest = nullptr;
    std::size_t walks = 0;
    std::size_t reads = 0;
    for (const TraceSlice& slice : trace.slices) {
        const std::string path = trace.path(slice.track);
        if (starts_with(path, "masters/") && slice.end_ns) {
            REQUIRE(slice.flows.size() == 1);
            const std::string device = path.substr(8, path.find('/', 8) - 8);
            ++transfers[device];
            if (device == "a010000.dma" && (slowest == nullptr || length_fs(slice) > length_fs(*slowest)))
                slowest = &slice;
        }
        if (starts_with(path, "9050000.iommu/walk slots/")) ++walks;
        if (starts_with(path, "9050000.iommu/reads/")) ++reads;
    }
    for (const Json& master : result["masters"]) CHECK(transfers[master["device"]] == master["issued"]);
    CHECK(walks == result["iommus"][0]["walks"]);
    CHECK(reads == result["iommus"][0]["walk_reads"].get<std::size_t>() +
                       result["iommus"][0]["config_reads"].get<std::size_t>());
    // The slowest one of the device that walks most.
    REQUIRE(slowest != nullptr);
    const double longest = result["masters"][3]["latency_ns"]["max"].get<double>();
    CHECK(static_cast<double>(length_fs(*slowest)) / 1e6 == Approx(longest).margin(0.001));
    const std::uint64_t flow = slowest->flows[0];
    const std::vector<const TraceSlice*> steps = steps_of(trace, flow);
    std::map<std::string, std::vector<const TraceSlice*>> by_place;
    for (const TraceSlice* step : steps) {
        const std::string path = trace.path(step->track);
        by_place[path.substr(0, path.rfind('/'))].push_back(step);
    }
    CHECK(steps.front() == slowest);
    CHECK(steps.back()->name == "answered");
    CHECK(steps.back()->last_of == std::vector<std::uint64_t>{flow});
    CHECK(steps.back()->start_ns == slowest->end_ns);
    REQUIRE(by_place["9050000.iommu/port a010000.dma"].size() == 1);
    const TraceSlice& translation = *by_place["9050000.iommu/port a010000.dma"][0];
    CHECK(translation.numbers.at("iova") == slowest->numbers.at("iova"));
    for (const TraceSlice* step : steps) {
        if (!step->end_ns) continue;
        CHECK(step->start_ns >= slowest->start_ns);
        CHECK(step->end_ns <= slowest->end_ns);
    }
}

TEST_CASE("trace: a walk lies in its translation, its reads lie in the walk, at the addresses of a table",
          "[cli][trace]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, "run " + kQuickstart + " --quiet --trace --out r").status == 0);
    const DecodedTrace trace = decode_trace(read_text(scratch.path("r/trace.pftrace")));
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    std::map<std::uint64_t, const TraceSlice*> transfers;
    std::map<std::uint64_t, const TraceSlice*> translations;
    std::map<std::uint64_t, std::vector<const TraceSlice*>> reads;
    std::vector<const TraceSlice*> walks;
    for (const TraceSlice& slice : trace.slices) {
        if (slice.flows.empty()) continue;
        const std::string path = trace.path(slice.track);
        if (starts_with(path, "masters/")) transfers[slice.flows[0]] = &slice;
        if (starts_with(path, "9050000.iommu/port ")) translations[slice.flows[0]] = &slice;
        if (starts_with(path, "9050000.iommu/reads")) reads[slice.flows[0]].push_back(&slice);
        if (starts_with(path, "9050000.iommu/walk slots")) walks.push_back(&slice);
    }
    REQUIRE(walks.size() == result["iommus"][0]["walks"]);
    // Of the slowest transaction that walked: by its flow to the walk, and to each of the walk's reads.
    const TraceSlice* slowest = nullptr;
    std::size_t descriptors = 0;
    for (const TraceSlice* walk : walks) {
        const std::uint64_t flow = walk->flows[0];
        REQUIRE(transfers.count(flow) == 1);
        REQUIRE(translations.count(flow) == 1);
        const TraceSlice& translation = *translations[flow];
        CHECK(walk->numbers.at("start_fs") >= translation.numbers.at("start_fs"));
        CHECK(walk->numbers.at("end_fs") <= translation.numbers.at("end_fs"));
        CHECK(walk->numbers.at("iova") == transfers[flow]->numbers.at("iova"));
        CHECK(translation.name == "walk");
        std::size_t own = 0;
        for (const TraceSlice* read : reads[flow]) {
            if (!starts_with(read->name, "s1_level") && !starts_with(read->name, "s2_level")) continue;
            ++own;
            CHECK(read->numbers.at("start_fs") >= walk->numbers.at("start_fs"));
            CHECK(read->numbers.at("end_fs") <= walk->numbers.at("end_fs"));
            CHECK(read->numbers.at("bytes") == 8);
            CHECK(read->numbers.at("address") % 8 == 0);
        }
        CHECK(own >= 1);
        descriptors += own;
        if (slowest == nullptr || length_fs(*transfers[flow]) > length_fs(*slowest)) slowest = transfers[flow];
    }
    CHECK(descriptors == result["iommus"][0]["walk_reads"]);
    CHECK(slowest != nullptr);
    // Numbers: as many in flight as may be, and none at the end.
    std::map<std::string, std::vector<TraceCount>> counts;
    for (const TraceCount& one : trace.counts) counts[trace.path(one.track)].push_back(one);
    const std::vector<TraceCount>& outstanding = counts["masters/a010000.dma outstanding"];
    REQUIRE(outstanding.size() > 2);
    CHECK(outstanding.back().value == 0);
    for (const TraceCount& one : counts["9050000.iommu/TLB hits %"]) CHECK(one.value <= 100);
    // And protoc can read it, where it is there.
    if (std::system("command -v protoc > /dev/null") == 0) {
        CHECK(std::system(
                  ("protoc --decode_raw < " + quoted(scratch.path("r/trace.pftrace")) + " > /dev/null").c_str()) == 0);
    } else {
        WARN("protoc is not there: the trace is decoded by our own decoder alone");
    }
}

TEST_CASE("trace: a window of time and names of tracks leave out the rest, and a name without a track is said",
          "[cli][trace]") {
    const Scratch scratch;
    const Said said =
        run_xlate(scratch, "run " + kQuickstart +
                               " --quiet --trace --out r --set limits.trace_from='300 us' --set "
                               "limits.trace_to='320 us' --set 'limits.trace_only=[\"masters/0000:*\", \"nobody/*\"]'");
    REQUIRE(said.status == 0);
    CHECK(said.err.find("limits.trace_only: no track of the trace is named 'nobody/*'") != std::string::npos);
    const DecodedTrace trace = decode_trace(read_text(scratch.path("r/trace.pftrace")));
    std::size_t seen = 0;
    for (const TraceSlice& slice : trace.slices) {
        const std::string path = trace.path(slice.track);
        if (starts_with(path, "kernel/") || path == "trace") continue;
        CHECK(starts_with(path, "masters/0000:"));
        if (!slice.end_ns) continue;
        CHECK(slice.start_ns <= 320'000);
        CHECK(*slice.end_ns >= 300'000 - 1);
        ++seen;
    }
    CHECK(seen > 10);
}

TEST_CASE("trace: with fidelity fast every transaction is there, though not every step", "[cli][trace]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + kQuickstart + " --quiet --trace --out r --set soc.fidelity=fast");
    INFO(said.err);
    REQUIRE(said.status <= 1);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    const DecodedTrace trace = decode_trace(read_text(scratch.path("r/trace.pftrace")));
    std::size_t transfers = 0;
    for (const TraceSlice& slice : trace.slices) {
        if (starts_with(trace.path(slice.track), "masters/") && slice.end_ns) ++transfers;
    }
    std::size_t issued = 0;
    for (const Json& master : result["masters"]) issued += master["issued"].get<std::size_t>();
    CHECK(transfers == issued);
}

TEST_CASE("trace: a ring that stops at the first fault keeps the stretch before it", "[cli][trace]") {
    const Scratch scratch;
    const Said said = run_xlate(
        scratch, "run " + quoted(std::string(source_dir()) + "/configs/unmap_mid_traffic.yaml") +
                     " --quiet --trace --out r --set limits.trace_keep=fault --set limits.trace_size='4 MiB'");
    INFO(said.err);
    REQUIRE((said.status == 0 || said.status == 1));
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    REQUIRE(!result["faults"].empty());
    const DecodedTrace trace = decode_trace(read_text(scratch.path("r/trace.pftrace")));
    const TraceSlice* last = nullptr;
    std::size_t faults = 0;
    std::size_t before = 0;
    for (const TraceSlice& slice : trace.slices) {
        if (!starts_with(trace.path(slice.track), "masters/") || !slice.end_ns) continue;
        if (slice.name == "fault") ++faults;
        if (slice.name != "fault") ++before;
        if (last == nullptr || *slice.end_ns > *last->end_ns) last = &slice;
    }
    CHECK(faults == 1);
    CHECK(before > 10);
    REQUIRE(last != nullptr);
    CHECK(last->name == "fault");
    // What led there is in it: the refused translation.
    const std::vector<const TraceSlice*> steps = steps_of(trace, last->flows.at(0));
    CHECK(std::any_of(steps.begin(), steps.end(), [](const TraceSlice* step) { return step->name == "refused"; }));
    CHECK(said.err.find("the trace ends with the first fault") != std::string::npos);
}
