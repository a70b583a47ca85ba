#include "study/results/summary.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/results/alike.hpp"
#include "study/results/numbers.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownFaults = 5;
constexpr std::size_t kShownGroups = 24;
constexpr std::size_t kShownReports = 5;
constexpr std::size_t kShownReasons = 12;
constexpr std::size_t kShownOfAReason = 6;
constexpr std::size_t kShownWarnings = 6;

std::string text(const Json& value) {
    return value.is_string() ? printable(value.get_ref<const std::string&>()) : value.dump();
}

/// Columns as wide as their content; the first is flush left, the others right.
class Table {
public:
    explicit Table(std::vector<std::string> heads) { rows_.push_back(std::move(heads)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    std::string print() const {
        std::vector<std::size_t> widths(rows_[0].size());
        for (const auto& row : rows_) {
            for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
        }
        std::string all;
        for (const auto& row : rows_) {
            std::string line = fmt::format("  {:<{}}", row[0], widths[0]);
            for (std::size_t i = 1; i < row.size(); ++i) line += fmt::format("  {:>{}}", row[i], widths[i]);
            all += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
        }
        return all;
    }

private:
    std::vector<std::vector<std::string>> rows_;
};

class Summary {
public:
    Summary(const Json& result, bool color) : result_(result), color_(color) {}
    std::string make() {
        head();
        notes();
        groups();
        iommus();
        masters();
        faults();
        kernel();
        sanitizer();
        expectations();
        return std::move(all_);
    }

private:
    std::string styled(const char* code, const std::string& content) const {
        return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, content) : content;
    }
    void heading(const std::string& title) { all_ += "\n" + styled("1", title) + "\n"; }

    void head() {
        const Json& sim = result_["sim"];
        all_ += styled("1", text(result_["name"])) +
                fmt::format(": kernel {}, seed {}", text(result_["variant"]), result_["seed"].dump());
        all_ += fmt::format(", booted in {}, ended at {}", span_text(sim["boot_ns"]), span_text(sim["end_ns"]));
        if (sim.value("fidelity", "exact") == "fast")
            all_ += styled("33", ", fidelity fast: latencies are approximate");
        if (sim["outcome"] != "finished") all_ += styled("33", fmt::format(" ({})", text(sim["outcome"])));
        all_ += fmt::format("\ndigest {}\n", text(result_["digest"]));
        newer();
    }
    /// Kernels that are modelled and came later: what an upgrade changes is another command's answer.
    void newer() {
        const std::string own = text(result_["variant"]);
        std::vector<const kernel::Variant*> later;
        const kernel::Variant* mine = nullptr;
        for (const kernel::Variant& variant : kernel::variants()) {
            if (variant.name == own) mine = &variant;
        }
        for (const kernel::Variant& variant : kernel::variants()) {
            const bool is_release = variant.name.rfind("linux-", 0) == 0 &&
                                    std::count(variant.name.begin(), variant.name.end(), '.') == 1;  // no stable one
            if (mine != nullptr && is_release && variant.release > mine->release) later.push_back(&variant);
        }
        if (mine == nullptr || later.empty()) return;
        all_ += fmt::format("newer kernels: {}{}; `xlate diff-kernels {} {} CONFIG` says what changes\n",
                            later.front()->name, later.size() > 1 ? " to " + later.back()->name : "", own,
                            later.back()->name);
    }
    void notes() {
        const auto folded = [](const Json& list) {
            std::vector<std::string> sentences;
            for (const Json& one : list) sentences.push_back(text(one));
            return fold_alike(sentences);
        };
        for (const std::string& note : folded(result_["assumptions"])) all_ += "assumed: " + note + "\n";
        const std::vector<std::string> warnings = folded(result_["warnings"]);
        for (std::size_t i = 0; i < warnings.size() && i < kShownWarnings; ++i) {
            all_ += styled("33", "warning: ") + warnings[i] + "\n";
        }
        if (warnings.size() > kShownWarnings)
            all_ += fmt::format("... and {} more in result.json (warnings)\n", warnings.size() - kShownWarnings);
    }
    void groups() {
        const Json& groups = result_["groups"];
        heading(fmt::format("Groups ({})", groups.size()));
        if (groups.empty()) all_ += "  none: nothing is translated\n";
        std::size_t shown = 0;
        for (const Json& group : groups) {
            if (++shown > kShownGroups) {
                all_ += fmt::format("  ... and {} more\n", groups.size() - kShownGroups);
                break;
            }
            std::string members;
            for (const Json& device : group["devices"]) members += " " + text(device) + ids_of(device);
            all_ += fmt::format("  {:>3} {:<8}{}\n", group["id"].dump(), text(group["type"]), members);
        }
        untranslated();
        std::size_t deferred = 0;
        for (const Json& device : result_["devices"]) {
            if (device["state"] != "deferred" && device["state"] != "failed") continue;
            if (++deferred <= kShownReports)
                all_ += styled("33", fmt::format("  {} is {}{}\n", text(device["name"]), text(device["state"]),
                                                 last_probe(device)));
        }
    }
    /// How the last probe of its driver ended, if the timeline has one that failed.
    std::string last_probe(const Json& device) const {
        int error = 0;
        if (!result_["kernel"].contains("timeline")) return {};
        for (const Json& event : result_["kernel"]["timeline"]) {
            if (event["event"] == "driver_probe" && event["device"] == device["name"] &&
                event["ret"].is_number_integer())
                error = event["ret"].get<int>();
        }
        error = std::abs(error);  // really_probe: positive, the driver's own probe; negative, what comes before it
        if (error == 0 || error == kernel::kEPROBE_DEFER) return {};
        return fmt::format(": its driver's probe ended with -{}, {} (console.log has what it printed)", error,
                           kernel::errno_name(error));
    }
    /// Those of one reason on one line: a board may have hundreds.
    void untranslated() {
        if (!result_.contains("untranslated")) return;
        std::vector<std::pair<std::string, std::vector<std::string>>> reasons;
        for (const Json& one : result_["untranslated"]) {
            const std::string why = text(one["why"]);
            auto known = std::find_if(reasons.begin(), reasons.end(), [&](const auto& r) { return r.first == why; });
            if (known == reasons.end()) known = reasons.insert(reasons.end(), {why, {}});
            known->second.push_back(text(one["device"]));
        }
        if (!reasons.empty()) all_ += fmt::format("  not translated ({}):\n", result_["untranslated"].size());
        for (std::size_t i = 0; i < reasons.size() && i < kShownReasons; ++i) {
            const auto& [why, devices] = reasons[i];
            std::string names;
            for (std::size_t k = 0; k < devices.size() && k < kShownOfAReason; ++k)
                names += (k == 0 ? "" : " ") + devices[k];
            if (devices.size() > kShownOfAReason)
                names += fmt::format(" and {} more", devices.size() - kShownOfAReason);
            all_ += fmt::format("    {}: {}\n", names, why);
        }
        if (reasons.size() > kShownReasons)
            all_ += fmt::format("    ... and {} more reasons in result.json\n", reasons.size() - kShownReasons);
    }
    std::string ids_of(const Json& name) const {
        for (const Json& device : result_["devices"]) {
            if (device["name"] != name || device["ids"].empty()) continue;
            std::string ids;
            const auto iommu = std::find_if(result_["iommus"].begin(), result_["iommus"].end(),
                                            [&](const Json& one) { return one["name"] == device["iommu"]; });
            const bool pairs = iommu != result_["iommus"].end() && (*iommu)["arch"] == "smmuv2";
            const firmware::IdCells cells = pairs ? firmware::IdCells::id_and_mask : firmware::IdCells::id;
            for (const Json& id : device["ids"])
                ids += (ids.empty() ? "" : ",") + firmware::id_text(cells, id.get<std::uint32_t>());
            return "(" + ids + ")";
        }
        return "";
    }
    void iommus() {
        if (result_["iommus"].empty()) return;
        heading("IOMMUs");
        Table table({"", "translations", "TLB hits", "walks", "walk reads", "config reads", "commands", "events",
                     "mean", "p99"});
        for (const Json& iommu : result_["iommus"]) {
            table.add(
                {text(iommu["name"]), iommu["translations"].dump(),
                 percent_text(iommu["tlb"]["hits"].get<std::uint64_t>(), iommu["tlb"]["lookups"].get<std::uint64_t>()),
                 iommu["walks"].dump(), iommu["walk_reads"].dump(), iommu["config_reads"].dump(),
                 iommu["commands"].dump(), iommu.contains("events") ? iommu["events"].dump() : "-",
                 span_text(iommu["latency_ns"]["mean"]), span_text(iommu["latency_ns"]["p99"])});
        }
        all_ += table.print();
    }
    void masters() {
        if (result_["masters"].empty()) return;
        heading("Masters");
        Table table({"", "done", "faults", "bandwidth", "mean", "p50", "p99", "max"});
        std::vector<std::string> parts{
            "where the time went, mean", "issue", "link", "queue", "tlb", "walk", "memory", "return"};
        const bool software = waits_for_software(result_);
        if (software) parts.emplace_back("software");
        Table where(std::move(parts));
        bool some = false;
        for (const Json& master : result_["masters"]) {
            const std::string device = text(master["device"]);
            if (master["issued"] == 0) {
                table.add({device, master["started"] == true ? "0" : "not started", "", "", "", "", "", ""});
                continue;
            }
            const Json& latency = master["latency_ns"];
            table.add({device,
                       std::to_string(master["reads"].get<std::uint64_t>() + master["writes"].get<std::uint64_t>()),
                       master["faults"].dump(), rate_text(master["bandwidth_bytes_per_s"].get<double>()),
                       span_text(latency["mean"]), span_text(latency["p50"]), span_text(latency["p99"]),
                       span_text(latency["max"])});
            std::vector<std::string> row{device};
            for (const auto& [name, ns] : master["breakdown_ns"].items()) {
                if (software || name != kSoftware) row.push_back(span_text(ns));
            }
            where.add(std::move(row));
            some = true;
        }
        all_ += table.print();
        if (some) all_ += "\n" + where.print();
        limits();
    }
    /// What bounded each master, once for those that have it in common; and those whose result may not be taken yet.
    void limits() {
        std::vector<std::pair<std::string, std::vector<std::string>>> bounds;
        std::string unsettled;
        for (const Json& master : result_["masters"]) {
            const std::string device = text(master["device"]);
            if (master.contains("limited_by")) {
                const Json& limit = master["limited_by"];
                std::string bound =
                    fmt::format("{}, busy {:.0f} %", text(limit["resource"]), limit["share"].get<double>() * 100);
                auto known =
                    std::find_if(bounds.begin(), bounds.end(), [&](const auto& one) { return one.first == bound; });
                if (known == bounds.end()) known = bounds.insert(bounds.end(), {std::move(bound), {}});
                known->second.push_back(device);
            }
            if (master.contains("steady") && master["steady"]["settled"] == false)
                unsettled += styled("33", "  " + unsettled_text(device, master["steady"])) + "\n";
        }
        if (!bounds.empty()) all_ += "\n";
        for (const auto& [bound, devices] : bounds)
            all_ += fmt::format("  limited by: {} ({})\n", bound, fmt::join(devices, ", "));
        if (!unsettled.empty()) all_ += "\n" + unsettled;
    }
    void faults() {
        const Json& faults = result_["faults"];
        if (faults.empty()) return;
        heading(fmt::format("Faults ({})", result_["faults_total"].dump()));
        for (std::size_t i = 0; i < faults.size() && i < kShownFaults; ++i) {
            const Json& fault = faults[i];
            all_ += styled(
                "31",
                fmt::format("  {} of {} (id {:#x}) at iova {:#x}, {} at {}\n", text(fault["reason"]),
                            text(fault["device"]), fault["id"].get<std::uint64_t>(), fault["iova"].get<std::uint64_t>(),
                            fault["iommu"] == "" ? "the bus" : text(fault["iommu"]), span_text(fault["time_ns"])));
        }
        if (faults.size() > kShownFaults)
            all_ += fmt::format("  ... and {} more in result.json\n", faults.size() - kShownFaults);
    }
    void kernel() {
        for (const char* kind : {"oops", "lockdep", "races", "warnings"}) {
            const Json& reports = result_["kernel"][kind];
            if (reports.empty()) continue;
            heading(fmt::format("Kernel: {} ({})", kind, reports.size()));
            for (std::size_t i = 0; i < reports.size() && i < kShownReports; ++i) {
                all_ += styled("31", fmt::format("  {}: {} at {}\n", text(reports[i]["kind"]), text(reports[i]["what"]),
                                                 text(reports[i]["where"])));
            }
        }
    }
    void sanitizer() {
        if (!result_.contains("sanitizer")) return;
        const Json& sanitizer = result_["sanitizer"];
        const Json& findings = sanitizer["findings"];
        heading(fmt::format("Sanitizer ({})", sanitizer["findings_total"].dump()));
        if (findings.empty()) {
            std::uint64_t entries = 0;
            for (const Json& iommu : sanitizer["iommus"]) entries += iommu["entries"].get<std::uint64_t>();
            all_ += fmt::format("  nothing stale among {} entries that may be cached\n", entries);
        }
        for (std::size_t i = 0; i < findings.size() && i < kShownReports; ++i) {
            const Json& finding = findings[i];
            all_ += styled("31", fmt::format("  {}: {}\n", text(finding["rule"]), text(finding["what"])));
            if (!finding["written_by"].is_null()) {
                const Json& functions = finding["written_by"]["functions"];
                all_ += fmt::format("      written in {} by {} on CPU {} at {}\n",
                                    functions.empty() ? text(finding["written_by"]["step"]) : text(functions[0]),
                                    text(finding["written_by"]["task"]), finding["written_by"]["cpu"].dump(),
                                    span_text(finding["written_ns"]));
            }
            for (const char* key : {"cached_for", "used_by", "missing", "given"}) {
                if (finding[key].is_null()) continue;
                std::string label = key;
                std::replace(label.begin(), label.end(), '_', ' ');
                all_ += fmt::format("      {} {}\n", label, text(finding[key]));
            }
        }
        if (findings.size() > kShownReports)
            all_ += fmt::format("  ... and {} more in result.json\n", findings.size() - kShownReports);
    }
    void expectations() {
        if (!result_.contains("expect") || result_["expect"].empty()) return;
        heading("Expectations");
        for (const Json& one : result_["expect"]) {
            const bool ok = one["ok"] == true;
            all_ += fmt::format("  {} {}", styled(ok ? "32" : "31", ok ? "ok    " : "FAILED"), text(one["expr"]));
            all_ += ok ? "\n" : fmt::format("  ({})\n", text(one["why"]));
        }
    }

    const Json& result_;
    bool color_;
    std::string all_;
};

}  // namespace

std::string unsettled_text(const std::string& device, const nlohmann::ordered_json& steady) {
    std::string advice = fmt::format("run {} times as long", steady["longer"].get<std::uint64_t>());
    if (steady.contains("leave_out"))
        advice +=
            fmt::format(", or leave out the first {} (traffic[].warmup)", steady["leave_out"].get<std::uint64_t>());
    return fmt::format(
        "{} had not settled ({} of {} transactions: start {:.0f} %, trend {:.0f} %, known to {:.0f} %): {}", device,
        steady["method"].get<std::string>(),
        steady["batches"].get<std::uint64_t>() * steady["batch_transactions"].get<std::uint64_t>(),
        steady["start"].get<double>() * 100, steady["trend"].get<double>() * 100,
        steady["half_width"].get<double>() * 100, advice);
}

bool waits_for_software(const Json& result) {
    const Json& masters = result.at("masters");
    return std::any_of(masters.begin(), masters.end(), [](const Json& master) {
        const Json& parts = master.at("breakdown_ns");
        return parts.contains(kSoftware) && parts.at(kSoftware).is_number() && parts.at(kSoftware) != 0;
    });
}

std::string summarize(const Json& result, bool color) { return Summary(result, color).make(); }

}  // namespace xlate::study
