#include "study/sweep/points.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/sha256.hpp"
#include "study/results/files.hpp"
#include "study/results/json_file.hpp"

namespace xlate::study {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kPointSchema = "xlate.point/2";
constexpr const char* kPointFile = "point.json";
constexpr const char* kManifest = "manifest.json";

/// point.json, with every value of the kind that it should be.
struct Note {
    std::string key;
    int status = 0;
    std::string manifest;  ///< SHA-256; empty: the run left none
};

bool is_text(const Json& json, const char* key) { return json.contains(key) && json.at(key).is_string(); }

/// Throws InputError if it is not as we write it.
Note read_note(const std::string& file) {
    const Json json = read_json_file(file, kPointSchema);
    if (!is_text(json, "key") || !is_text(json, "manifest") || !json.contains("status") ||
        !json.at("status").is_number_integer() || json.at("status") < 0 || json.at("status") > 255) {
        throw InputError(Diagnostic{{file, {}, {}, {}}, "", "is not what was written", "", ""});
    }
    return {json.at("key").get<std::string>(), json.at("status").get<int>(), json.at("manifest").get<std::string>()};
}

/// Nothing if it cannot be read.
std::optional<std::string> digest_of_file(const std::string& file) {
    Sha256 digest;
    if (!read_pieces(file, [&](std::string_view piece) { digest.add(piece); })) return std::nullopt;
    return digest.text();
}

/// What is wrong with the files of a run that ended well; empty: nothing.
std::string damage_of(const std::string& directory, const Note& note) {
    const std::optional<std::string> manifest = digest_of_file(directory + "/" + kManifest);
    if (!manifest) return fmt::format("{} is gone", kManifest);
    if (*manifest != note.manifest) return fmt::format("{} is not what was written", kManifest);
    bool has_result = false;
    const Json json = read_json_file(directory + "/" + kManifest, "xlate.manifest/1");
    for (const Json& output : json.value("outputs", Json::array())) {
        const auto name = output.at("file").get<std::string>();
        const std::optional<std::string> digest = digest_of_file(directory + "/" + name);
        if (!digest) return fmt::format("{} is gone", name);
        if (*digest != output.at("sha256").get<std::string>()) return fmt::format("{} is not what was written", name);
        has_result = has_result || name == "result.json";
    }
    return has_result ? "" : "it has no result.json";
}

}  // namespace

PointStatus status_of(const Plan& plan, std::size_t point) {
    const std::string directory = plan.directory(point);
    const std::string file = directory + "/" + kPointFile;
    std::error_code ignored;
    if (!fs::exists(file, ignored)) return {};
    PointStatus status;
    try {
        const Note note = read_note(file);
        if (note.key != plan.points[point].key) return {};
        status.status = note.status;
        if (note.status != 0 && note.status != 1) {
            status.state = PointState::broken;
        } else {
            status.damage = damage_of(directory, note);
            if (status.damage.empty()) status.state = PointState::done;
        }
    } catch (const InputError& error) {
        status.damage = error.what();
    } catch (const nlohmann::json::exception& error) {
        status.damage = printable(error.what());
    }
    return status;
}

void note_status(const Plan& plan, std::size_t point, int status) {
    const std::string directory = plan.directory(point);
    const Json json = {{"schema", kPointSchema},
                       {"key", plan.points[point].key},
                       {"status", status},
                       {"manifest", digest_of_file(directory + "/" + kManifest).value_or("")}};
    write_file(directory + "/" + kPointFile, json.dump(1) + "\n");
}

namespace {

/// The key of a directory's result; nothing if it holds none that could be of use.
std::optional<std::string> key_of(const std::string& directory) {
    std::error_code ignored;
    if (!fs::exists(directory + "/" + kPointFile, ignored)) return std::nullopt;
    try {
        const Note note = read_note(directory + "/" + kPointFile);
        const bool is_name =
            note.key.size() == 64 && note.key.find_first_not_of("0123456789abcdef") == std::string::npos;
        return is_name && note.status <= 1 ? std::optional(note.key) : std::nullopt;
    } catch (const InputError&) {
        return std::nullopt;
    }
}

std::optional<std::size_t> number_of(const std::string& name) {
    if (name.size() < 4 || name.size() > 6 || name.find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    return std::stoul(name);
}

}  // namespace

void arrange_points(const Plan& plan) {
    const std::string earlier = plan.out + "/earlier/";
    std::error_code ignored;
    std::set<std::string> there;                                 // directories of this plan whose results are its own
    std::vector<std::pair<std::string, std::string>> displaced;  // directory, key
    std::vector<std::string> useless;
    for (const fs::directory_entry& entry : fs::directory_iterator(plan.out + "/points", ignored)) {
        const std::optional<std::size_t> number = number_of(entry.path().filename().string());
        if (!number) continue;
        const std::string directory = entry.path().string();
        const std::optional<std::string> key = key_of(directory);
        if (key && *number < plan.points.size() && plan.points[*number].key == *key) {
            there.insert(plan.directory(*number));
        } else if (key) {
            displaced.emplace_back(directory, *key);
        } else if (*number >= plan.points.size()) {
            useless.push_back(directory);
        }
    }
    std::sort(displaced.begin(), displaced.end());
    if (!displaced.empty()) fs::create_directories(earlier, ignored);
    for (const auto& [directory, key] : displaced) {
        fs::remove_all(earlier + key, ignored);
        fs::rename(directory, earlier + key, ignored);
    }
    for (const std::string& directory : useless) fs::remove_all(directory, ignored);
    if (!fs::exists(earlier, ignored)) return;
    for (std::size_t i = 0; i < plan.points.size(); ++i) {
        const std::string directory = plan.directory(i);
        const std::string from = earlier + plan.points[i].key;
        if (there.count(directory) != 0 || !fs::is_directory(from, ignored)) continue;
        fs::remove_all(directory, ignored);  // begun and never ended
        fs::rename(from, directory, ignored);
    }
    fs::remove(earlier, ignored);  // if nothing is left in it
}

}  // namespace xlate::study
