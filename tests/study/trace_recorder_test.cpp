#include "study/trace/trace_recorder.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

using namespace xlate;
using study::TraceRecorder;

namespace {

std::string file_of(TraceRecorder& recorder) {
    std::string file;
    recorder.finish([&file](std::string_view piece) { file += piece; });
    return file;
}

std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
}

}  // namespace

// Field numbers of Perfetto's TracePacket, TrackDescriptor, TrackEvent and DebugAnnotation, encoded by hand.
TEST_CASE("a trace of one span is a track, a lane, a slice with its exact times, and its end", "[study]") {
    TraceRecorder recorder;
    recorder.transaction("m", 0, 5, false, ns(1), ns(3), false);
    const std::string wanted = std::string("\x0a\x0c\x50\x01\x68\x01\xe2\x03\x05\x08\x01\x12\x01m") +
                               std::string("\x0a\x0e\x50\x01\xe2\x03\x09\x08\x02\x12\x03m 0\x28\x01") +
                               std::string("\x0a\x3c\x40\x01\x50\x01\x5a\x36\x48\x01\x58\x02\xba\x01\x04read") +
                               std::string(
                                   "\x22\x0a\x52\x06"
                                   "detail\x18\x05") +
                               std::string("\x22\x0e\x52\x08start_fs\x18\xc0\x84\x3d") +
                               std::string(
                                   "\x22\x0d\x52\x06"
                                   "end_fs\x18\xc0\x8d\xb7\x01") +
                               std::string("\x0a\x0a\x40\x03\x50\x01\x5a\x04\x48\x02\x58\x02");
    CHECK(file_of(recorder) == wanted);
}

TEST_CASE("a trace sorts each track by start, and gives spans that overlap lanes of their own", "[study]") {
    TraceRecorder recorder;
    for (std::uint64_t i = 0; i < 300'000; ++i) {  // more than a block holds, told by their ends
        recorder.span(i % 2 == 0 ? "a" : "b", "step", ns(10 * (i ^ 2)), ns(10 * (i ^ 2) + 5), i);
    }
    recorder.span("a", "long", ns(0), us(5000), 1);
    recorder.instant("b", "moment", ns(7), 2);
    const std::string file = file_of(recorder);
    CHECK(count(file, "step") == 300'000);
    CHECK(count(file, "a 0") == 1);
    CHECK(count(file, "a 1") == 1);
    CHECK(count(file, "b 0") == 1);
    CHECK(count(file, "b 1") == 0);
    CHECK(file.find("long") < file.find("moment"));
    CHECK(file.find("moment") < file.find("step", file.find("b 0")));
}

TEST_CASE("a trace goes to its file as the run goes on, whatever its length", "[study]") {
    TraceRecorder recorder;
    std::size_t given = 0;
    std::string file;
    recorder.begin([&](std::string_view piece) {
        ++given;
        file += piece;
    });
    constexpr std::size_t kSpans = 1'200'000;
    for (std::size_t i = 0; i < kSpans; ++i) recorder.span("component", "walking", ns(10 * i), ns(10 * i + 9), i);
    CHECK(given > 50);  // before its end
    recorder.finish({});
    CHECK(count(file, "walking") == kSpans);
    CHECK(count(file, "component 0") == 1);
    CHECK(count(file, "component 1") == 0);  // windows share their lanes
    CHECK_FALSE(recorder.cut());
}

TEST_CASE("a trace that would be too large says what it lacks, and where", "[study]") {
    study::TraceLimits limits;
    limits.bytes = 4 << 20;
    TraceRecorder recorder(limits);
    std::string file;
    recorder.begin([&](std::string_view piece) { file += piece; });
    constexpr std::size_t kSpans = 200'000;
    for (std::size_t i = 0; i < kSpans; ++i) recorder.span("component", "walking", ns(10 * i), ns(10 * i + 9), i);
    recorder.finish({});
    REQUIRE(recorder.cut());
    const std::string cut = *recorder.cut();
    const std::size_t kept = count(file, "walking");
    CHECK(file.size() < limits.bytes);
    CHECK(file.size() > limits.bytes / 10 * 8);
    CHECK(kept > 30'000);
    CHECK(kept + recorder.dropped() == kSpans);
    CHECK(cut == "the trace holds the first " + std::to_string(kept) +
                     " of 200000 spans, up to limits.trace_size; spans from " + std::to_string(10 * kept) +
                     " ns on are missing");
    CHECK(count(file, cut) == 1);
}

TEST_CASE("a ring keeps a trace's last stretch", "[study]") {
    study::TraceLimits limits;
    limits.bytes = GENERATE(1 << 20, 4 << 20, 8 << 20);
    limits.keep = study::TraceLimits::Keep::last;
    TraceRecorder recorder(limits);
    std::string file;
    recorder.begin([&](std::string_view piece) { file += piece; });
    for (std::size_t i = 0; i < 200'000; ++i)
        recorder.span("component", i < 100'000 ? "early" : "late", ns(10 * i), ns(10 * i + 9), i);
    recorder.finish({});
    REQUIRE(recorder.cut());
    const std::string cut = *recorder.cut();
    const std::size_t kept = count(file, "late");
    CHECK(count(file, "early") == 0);
    CHECK(file.size() < limits.bytes);
    CHECK(file.size() > limits.bytes / 10 * 9);
    CHECK(kept + recorder.dropped() == 200'000);
    CHECK(cut.find("the trace holds the last " + std::to_string(kept) + " of 200000 spans") == 0);
    CHECK(count(file, cut) == 1);
}

TEST_CASE("a ring stays within its size, whatever its spans say and however many lanes they need", "[study]") {
    study::TraceLimits limits;
    limits.bytes = 1 << 20;
    limits.keep = study::TraceLimits::Keep::last;
    using Says = study::TraceEntry::Says;
    for (const Says says : {Says::detail, Says::access, Says::memory, Says::queue, Says::nothing}) {
        for (const std::uint64_t far : {1, 1000, 100'000}) {  // of spans that overlap
            INFO(static_cast<int>(says) << " " << far);
            TraceRecorder recorder(limits);
            study::TraceEntry entry;
            entry.what = "a step with a name that is not short at all, so that lengths need more than one byte";
            entry.says = says;
            for (std::uint64_t i = 0; i < 40'000; ++i) {
                entry.start = ns(1'000'000 + 10 * i);
                entry.end = ns(1'000'000 + 10 * (i + far));
                entry.detail = i * 0x1'0000'0001;
                entry.size = static_cast<std::uint32_t>(i);
                entry.flow = i % 3 == 0 ? 0 : i << 20;
                entry.begins_flow = i % 3 == 1;
                recorder.add(recorder.track("group", i % 2 == 0 ? "one" : "two"), entry);
                const TraceRecorder::TrackId level = recorder.track("group", "level", "%");
                recorder.add(level, {{}, entry.start, entry.start, i, 0, 0, study::TraceEntry::Form::counter});
                recorder.instant("moments", "now", entry.end, i);
            }
            const std::string file = file_of(recorder);
            CHECK(recorder.cut());
            CHECK(file.size() <= limits.bytes);
            CHECK(file.size() > limits.bytes / 10 * 8);
        }
    }
}

namespace {

long most_kilobytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/// Spans of `count` walks go by; how much more memory the process then had at most, in KiB.
long growth_of(std::size_t count, std::uint64_t& bytes) {
    study::TraceLimits limits;
    limits.bytes = std::uint64_t{1} << 40;
    TraceRecorder recorder(limits);
    bytes = 0;
    const long before = most_kilobytes();
    recorder.begin([&](std::string_view piece) { bytes += piece.size(); });
    study::TraceEntry entry;
    entry.what = "walk";
    entry.says = study::TraceEntry::Says::access;
    const TraceRecorder::TrackId track = recorder.track("iommu", "walk slots");
    for (std::size_t i = 0; i < count; ++i) {
        entry.start = ns(10 * i);
        entry.end = ns(10 * i + 25);
        entry.flow = i + 1;
        recorder.add(track, entry);
    }
    recorder.finish({});
    CHECK(recorder.dropped() == 0);
    return most_kilobytes() - before;
}

}  // namespace

TEST_CASE("a trace's memory is that of a window of it", "[study]") {
    std::uint64_t bytes = 0;
    CHECK(growth_of(1'500'000, bytes) < 96 * 1024);
    CHECK(bytes > 100'000'000);
}

// By name: it takes seconds.
TEST_CASE("a trace of ten million spans takes no more memory than a window of them", "[.large]") {
    std::uint64_t bytes = 0;
    const long growth = growth_of(10'000'000, bytes);
    CHECK(growth < 96 * 1024);
    WARN(bytes << " bytes of trace, " << growth << " KiB of memory");
}

TEST_CASE("names of tracks: * is any text", "[study]") {
    CHECK(study::matches_track("masters/0000:*", "masters/0000:01:00.0"));
    CHECK(study::matches_track("*/walk slots", "9050000.iommu/walk slots"));
    CHECK(study::matches_track("*", ""));
    CHECK(study::matches_track("a*b*c", "a-b-b-c"));
    CHECK_FALSE(study::matches_track("a*b*c", "a-c"));
    CHECK_FALSE(study::matches_track("masters", "masters/x"));
}

TEST_CASE("a ring that stops at a fault keeps what came before it", "[study]") {
    study::TraceLimits limits;
    limits.bytes = 4 << 20;
    limits.keep = study::TraceLimits::Keep::fault;
    TraceRecorder recorder(limits);
    std::string file;
    recorder.begin([&](std::string_view piece) { file += piece; });
    for (std::size_t i = 0; i < 150'000; ++i) {
        recorder.span("component", i < 100'000 ? "before" : "after", ns(10 * i), ns(10 * i + 9), i);
        if (i == 99'999) recorder.stop(ns(10 * i + 9));
    }
    recorder.finish({});
    const std::string cut = recorder.cut().value();
    CHECK(count(file, "before") > 30'000);
    CHECK(file.size() < limits.bytes);
    CHECK(file.size() > limits.bytes / 10 * 9);
    CHECK(count(file, "after") == 1);  // in the sentence that says what is missing
    CHECK(cut.find("the trace ends with the first fault, at 999999 ns") == 0);
    CHECK(cut.find("50000 after") != std::string::npos);
}

TEST_CASE("a file that cannot be made whole is not there", "[study]") {
    std::string name = (std::filesystem::temp_directory_path() / "xlate_files.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    const auto broken = [](const study::Put& put) {
        put("half");
        throw std::runtime_error("no more");
    };
    CHECK_THROWS(study::write_files(name, {{"first", "whole"}, {"second", {}, broken}}));
    CHECK(std::filesystem::is_empty(name));
    study::write_files(name, {{"first", {}, [](const study::Put& put) { put("in "), put("pieces"); }}});
    CHECK(std::filesystem::file_size(name + "/first") == 9);
    std::filesystem::remove_all(name);
}
