// The pages of docs/reports: each schedule that a page names replays, and each line that a page quotes after it (lines
// that begin with "> ") is a line of that replay.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "explore/search/explore.hpp"
#include "tests/explore/expectations.hpp"
#include "tests/places.hpp"

using namespace xlate::explore;

namespace {

/// Runs of blanks as one, none at the ends.
std::string squeezed(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    std::string text;
    while (words >> word) text += (text.empty() ? "" : " ") + word;
    return text;
}

std::string squeezed_lines(const std::string& all) {
    std::istringstream stream(all);
    std::string line;
    std::string text;
    while (std::getline(stream, line)) text += squeezed(line) + "\n";
    return text;
}

}  // namespace

TEST_CASE("reports: each schedule replays, and each line that a page quotes is in its replay", "[explore]") {
    std::size_t pages = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(xlate::tests::source_dir()) + "/docs/reports")) {
        if (entry.path().filename() == "README.md") continue;
        INFO(entry.path().filename().string());
        ++pages;
        std::ifstream page(entry.path());
        std::string line;
        std::string replayed;
        bool of_replay = true;
        std::size_t tokens = 0;
        std::size_t quotes = 0;
        while (std::getline(page, line)) {
            // What another command prints is another test's (tests/study/diff_kernels_test.cpp).
            if (line.find("`xlate diff-kernels ") != std::string::npos) of_replay = false;
            const std::string mark = "xlate replay '";
            if (const std::size_t at = line.find(mark); at != std::string::npos) {
                const std::size_t begin = at + mark.size();
                const std::size_t end = line.rfind('\'');
                const std::string whole = line.substr(begin, end - begin);
                INFO(whole);
                const Replay run = replay(whole);
                CHECK(run.missing.empty());
                CHECK_FALSE(run.reports.empty());
                replayed = squeezed_lines(timeline_text(run));
                of_replay = true;
                ++tokens;
            }
            if (line.rfind("> ", 0) == 0 && of_replay) {
                INFO(line);
                CHECK(replayed.find(squeezed(line.substr(2))) != std::string::npos);
                ++quotes;
            }
        }
        CHECK(tokens > 0);
        CHECK(quotes > 0);
    }
    CHECK(pages >= 4);
}

TEST_CASE("reports: the numbers of traces that the pages name, and what is in none of them", "[explore]") {
    struct Claim {
        const char* scenario;
        const char* variant;
        std::uint64_t traces;
        const char* absent;  ///< empty: nothing is found
    };
    for (const Claim& claim :
         {Claim{"x17", "linux-7.3+walk_skips_device", 49, ""}, Claim{"x17", "linux-6.12", 49, ""},
          Claim{"x18", "linux-7.3+link_ends_with_client", 14, "deferred for ever, also after the timeout"},
          Claim{"x18", "linux-7.3+walk_skips_device", 196, "deferred for ever, also after the timeout"},
          Claim{"x6-amba", "linux-7.3", 1227, "no such thing"},
          Claim{"x6-amba", "linux-7.3+amba_driver_read_once", 1225, "null-dereference"},
          Claim{"x10", "linux-7.3", 2165, "no such thing"},
          Claim{"x10", "linux-7.3+all_instances_ready", 1934, "no such thing"},
          Claim{"x10", "linux-6.12", 1068, "late IOMMU probe"}, Claim{"x15", "linux-7.3", 93, "no such thing"},
          Claim{"x15", "linux-7.3+l2_before_l1", 84, ""}, Claim{"x15-ste", "linux-7.0", 474, "no such thing"},
          Claim{"x15-ste", "linux-7.1", 368, ""},
          Claim{"exynos-two+real", "linux-7.3+sysmmu_one_master", 21, "hard LOCKUP"},
          Claim{"exynos-two+real", "linux-6.12+sysmmu_one_master", 21, "hard LOCKUP"},
          Claim{"mtk-group", "linux-7.3", 10, ""}, Claim{"mtk-group", "linux-6.12+m4u_forgets_group", 10, ""}}) {
        INFO(claim.scenario << " at " << claim.variant);
        const ExploreResult result = all_traces(claim.scenario, claim.variant);
        CHECK(result.exhaustive);
        CHECK(result.traces == claim.traces);
        if (*claim.absent == 0)
            CHECK(result.verdict == Verdict::verified);
        else
            CHECK_FALSE(shows(result, claim.absent));
    }
}

TEST_CASE("reports: in how many of its traces a page says that it was seen", "[explore]") {
    struct Claim {
        const char* scenario;
        const char* variant;
        const char* headline;
        std::uint64_t seen;
    };
    for (const Claim& claim :
         {Claim{"x6-amba", "linux-7.3", "null-dereference", 2}, Claim{"x15", "linux-7.3", "(C_BAD_STE)", 9},
          Claim{"x15-ste", "linux-7.0", "(C_BAD_CD)", 81}}) {
        INFO(claim.scenario << " at " << claim.variant);
        std::uint64_t seen = 0;
        for (const Bug& bug : all_traces(claim.scenario, claim.variant).bugs) {
            if (bug.what.find(claim.headline) != std::string::npos) seen += bug.seen;
        }
        CHECK(seen == claim.seen);
    }
    // X10's change leaves the warning.
    CHECK(shows(all_traces("x10", "linux-7.3+all_instances_ready"), "late IOMMU probe at driver bind"));
}
