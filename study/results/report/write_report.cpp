#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "study/results/compare.hpp"
#include "study/results/files.hpp"
#include "study/results/json_file.hpp"
#include "study/results/report/report.hpp"
#include "study/results/schema_check.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

struct Kept {
    std::string file;  ///< sweep.json or result.json
    bool is_sweep = false;
    Json json;
    Json series;  ///< null: there is none
    std::string config;
};

bool is_there(const std::string& file) {
    std::error_code ignored;
    return std::filesystem::exists(file, ignored);
}

Kept read(const std::string& directory) {
    Kept kept;
    kept.is_sweep = is_there(directory + "/sweep.json");
    kept.file = directory + (kept.is_sweep ? "/sweep.json" : "/result.json");
    kept.json = read_json_file(kept.file, kept.is_sweep ? "xlate.sweep/1" : "xlate.result/1");
    if (kept.is_sweep) return kept;
    if (is_there(directory + "/series.json"))
        kept.series = read_json_file(directory + "/series.json", "xlate.series/1");
    if (!read_pieces(directory + "/config.resolved.yaml", [&](std::string_view piece) { kept.config += piece; }))
        kept.config.clear();
    return kept;
}

/// Runs `make`; what it misses in a document is that document's error.
template <class F>
std::string complete(const std::vector<const Kept*>& documents, F make) {
    try {
        return make();
    } catch (const nlohmann::json::exception& error) {
        std::string files;
        for (const Kept* one : documents) {
            files += (files.empty() ? "" : " or ") + one->file;
            if (one->is_sweep) continue;
            if (const auto gap = find_gap(Json::parse(result_schema()), one->json, true)) {
                throw InputError(Diagnostic{
                    {one->file, {}, {}, {}}, gap->path, fmt::format("is incomplete: {}", gap->what), "", ""});
            }
        }
        throw InputError(
            Diagnostic{{files, {}, {}, {}}, "", fmt::format("is incomplete: {}", missing_value(error)), "", ""});
    }
}

}  // namespace

std::string write_report(const std::string& directory, const std::string& file) {
    const Kept kept = read(directory);
    const std::string page = complete({&kept}, [&] {
        return kept.is_sweep ? sweep_report(kept.json) : run_report(kept.json, kept.series, kept.config);
    });
    if (!file.empty()) {
        write_file(file, page);
        return file;
    }
    write_files(directory, {{"report.html", page}});
    return directory + "/report.html";
}

std::string write_comparison(const std::string& first, const std::string& second, const std::string& file) {
    const Kept a = read(first);
    const Kept b = read(second);
    if (a.is_sweep != b.is_sweep) {
        throw InputError(
            Diagnostic{{second, {}, {}, {}}, "", "one of the two is a sweep, the other a run", "two of a kind", ""});
    }
    const std::string page = complete({&a, &b}, [&] {
        return a.is_sweep ? side_by_side_sweeps(a.json, b.json) : side_by_side_runs(a.json, a.series, b.json, b.series);
    });
    write_file(file, page);
    return file;
}

}  // namespace xlate::study
