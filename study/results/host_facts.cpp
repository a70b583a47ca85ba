#include "study/results/host_facts.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/sha256.hpp"
#include "study/run/model_version.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

HostFacts::HostFacts() : start_(std::chrono::steady_clock::now()), started_at_(std::chrono::system_clock::now()) {}

void HostFacts::add_input(const std::string& path) {
    std::string content;
    read_pieces(path, [&](std::string_view piece) { content += piece; });
    add_input(path, content);
}

void HostFacts::add_input(const std::string& path, std::string_view content) {
    for (const Input& input : inputs_) {
        if (input.path == std::filesystem::path(path).filename()) return;
    }
    inputs_.push_back({std::filesystem::path(path).filename().string(), content.size(), sha256_text(content)});
}

std::string HostFacts::manifest(const Config& config, const std::string& result_digest,
                                const std::vector<WrittenFile>& written) const {
    Json inputs = Json::array();
    for (const Input& input : inputs_)
        inputs.push_back({{"file", input.path}, {"bytes", input.bytes}, {"sha256", input.sha256}});
    Json outputs = Json::array();
    for (const WrittenFile& output : written) {
        if (output.name == kHostFile) continue;
        outputs.push_back({{"file", output.name}, {"bytes", output.bytes}, {"sha256", output.sha256}});
    }
    return dump({{"schema", "xlate.manifest/1"},
                 {"model_version", kModelVersion},
                 {"model_sources", model_sources()},
                 {"name", config.name},
                 {"inputs", std::move(inputs)},
                 {"seed", config.seed},
                 {"variant", config.kernel.variant},
                 {"result_digest", result_digest},
                 {"outputs", std::move(outputs)}});
}

std::string HostFacts::facts(std::uint64_t events) const {
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const std::time_t at = std::chrono::system_clock::to_time_t(started_at_);
    std::tm parts{};
    gmtime_r(&at, &parts);
    char text[32] = {};
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return dump({{"schema", "xlate.host/1"},
                 {"started", text},
                 {"wall_s", wall},
                 {"user_s", seconds(usage.ru_utime)},
                 {"system_s", seconds(usage.ru_stime)},
                 {"peak_rss_kib", usage.ru_maxrss},
                 {"events_per_wall_s", wall > 0 ? static_cast<double>(events) / wall : 0.0},
                 {"compiler", __VERSION__},
                 {"model_version", kModelVersion},
                 {"model_sources", model_sources()}});
}

ProgressLine::ProgressLine(bool wanted, const soc::Soc& soc) {
    if (!wanted || ::isatty(STDERR_FILENO) == 0) return;
    thread_ = std::thread([this, &soc] {
        bool shown = false;
        for (int tenth = 1; !stop_; ++tenth) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            if (tenth % 10 != 0) continue;
            std::fprintf(stderr, "\rsimulated %.3f us after %d s ", static_cast<double>(soc.now().fs) / 1e9,
                         tenth / 10);
            shown = true;
        }
        if (shown) std::fputs("\r\x1b[K", stderr);
    });
}

ProgressLine::~ProgressLine() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
}

}  // namespace xlate::study
