// Where the corpus of real firmware is, if it is there.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/places.hpp"

namespace xlate::tests {

/// XLATE_CORPUS, or ../shared/corpus beside the repository; nothing if neither exists.
inline std::optional<std::filesystem::path> corpus() {
    const char* variable = std::getenv("XLATE_CORPUS");
    const std::filesystem::path path = variable != nullptr
                                           ? std::filesystem::path(variable)
                                           : std::filesystem::path(source_dir()) / ".." / "shared" / "corpus";
    if (!std::filesystem::is_directory(path)) return std::nullopt;
    return path;
}

/// True if the test should stop here because there is no corpus; says so in one line.
inline bool skip_without_corpus() {
    if (corpus()) return false;
    WARN("skipped: no corpus (set XLATE_CORPUS or put it at ../shared/corpus)");
    SUCCEED("skipped");
    return true;
}

/// True if the test should stop here because the corpus, or this file or folder of it, is not there ("field/31-stray":
/// a test whose expected values are of one case); says so in one line.
inline bool skip_without(const std::string& part) {
    if (skip_without_corpus()) return true;
    if (std::filesystem::exists(*corpus() / part)) return false;
    WARN("skipped: the corpus has no " << part);
    SUCCEED("skipped");
    return true;
}

/// For the end of a test over whatever stands in the corpus: it went over `count` of it; where that is nothing, it says
/// so.
inline void went_over(std::size_t count, const std::string& what) {
    if (count == 0) WARN("skipped: the corpus has no " << what);
    SUCCEED(count << " " << what);
}

/// Sorted folders of the corpus' folders `parts` that hold `file`: cases by what they have, whatever their names.
inline std::vector<std::filesystem::path> cases_with(const std::vector<std::string>& parts, const std::string& file) {
    std::vector<std::filesystem::path> found;
    const auto root = corpus();
    if (!root) return found;
    for (const std::string& part : parts) {
        if (!std::filesystem::is_directory(*root / part)) continue;
        for (const auto& entry : std::filesystem::directory_iterator(*root / part)) {
            if (std::filesystem::exists(entry.path() / file)) found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace xlate::tests
