// Recorded behaviour of IOMMUs that others wrote: the gzip files of corpus/vectors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/corpus.hpp"

namespace xlate::tests {

/// The files whose names begin with `prefix`, in order of name.
inline std::vector<std::filesystem::path> vector_files(const std::string& prefix) {
    std::vector<std::filesystem::path> files;
    const auto root = corpus();
    if (!root || !std::filesystem::is_directory(*root / "vectors")) return files;
    for (const auto& entry : std::filesystem::directory_iterator(*root / "vectors")) {
        const std::string name = entry.path().filename().string();
        if (name.rfind(prefix, 0) == 0 && entry.path().extension() == ".gz") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

/// Says which recordings no test reads: each family's test takes its own.
inline void warn_of_unread_vectors() {
    static const std::vector<std::string> kRead{"amd", "riscv_", "virtio", "vtd"};
    for (const std::filesystem::path& path : vector_files("")) {
        const std::string name = path.filename().string();
        if (std::none_of(kRead.begin(), kRead.end(), [&](const std::string& one) { return name.rfind(one, 0) == 0; }))
            WARN("skipped: no test reads the recordings of " << name);
    }
}

/// Unpacked by gzip, which Debian has everywhere. Fails the test if it is no JSON.
inline nlohmann::json read_vectors(const std::filesystem::path& path) {
    const std::string command = "gzip -dc '" + path.string() + "'";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), &pclose);
    REQUIRE(pipe != nullptr);
    std::string text;
    std::vector<char> part(std::size_t{1} << 16);
    for (std::size_t got = 0; (got = std::fread(part.data(), 1, part.size(), pipe.get())) > 0;) {
        text.append(part.data(), got);
    }
    return nlohmann::json::parse(text);
}

/// "0x12" or a number.
inline std::uint64_t number(const nlohmann::json& value) {
    return value.is_string() ? std::stoull(value.get<std::string>(), nullptr, 0) : value.get<std::uint64_t>();
}

}  // namespace xlate::tests
