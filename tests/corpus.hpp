// Where the corpus of real firmware is, if it is there.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

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

}  // namespace xlate::tests
