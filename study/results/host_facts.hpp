// What the host knows about a run: wall clock, inputs, who built it. Nothing of this reaches result.json.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "soc/soc.hpp"
#include "study/config/config.hpp"
#include "study/results/files.hpp"

namespace xlate::study {

inline constexpr const char* kHostFile = "host.json";

/// Starts its clock when it is made.
class HostFacts {
public:
    HostFacts();
    void add_input(const std::string& path);
    void add_input(const std::string& path, std::string_view content);

    /// manifest.json, schema "xlate.manifest/1": inputs and outputs with their digests, seed, variant, model. Without
    /// times (and host.json, which has them) and with file names only, so that it is the same on every machine.
    std::string manifest(const Config& config, const std::string& result_digest,
                         const std::vector<WrittenFile>& outputs) const;
    /// host.json, schema "xlate.host/1": when, where, how long, how fast.
    std::string facts(std::uint64_t events) const;

private:
    struct Input {
        std::string path;
        std::uint64_t bytes = 0;
        std::string sha256;
    };
    std::vector<Input> inputs_;
    std::chrono::steady_clock::time_point start_;
    std::chrono::system_clock::time_point started_at_;
};

/// A line on stderr, once a second from the first second on, that says how far the simulation is. Removes itself.
class ProgressLine {
public:
    ProgressLine(bool wanted, const soc::Soc& soc);
    ~ProgressLine();
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace xlate::study
