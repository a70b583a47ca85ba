// What the sanitizer found, as JSON and as lines of the log.
#include <utility>

#include <fmt/format.h>

#include "study/results/result.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

Json place_json(const kernel::ReportPlace& place) {
    if (place.task.empty()) return {};
    return {{"task", place.task}, {"cpu", place.cpu}, {"step", place.step}, {"functions", place.functions}};
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

Json sanitizer_json(const soc::SanitizerReport& report) {
    Json findings = Json::array();
    for (const soc::SanitizerFinding& finding : report.findings) {
        Json one = {{"rule", finding.rule},
                    {"time_ns", ns_json(finding.time)},
                    {"iommu", finding.iommu},
                    {"what", finding.what}};
        one["missing"] = text_or_null(finding.missing);
        one["given"] = text_or_null(finding.given);
        one["written_by"] = place_json(finding.written);
        one["written_ns"] = finding.written.task.empty() ? Json() : ns_json(finding.written_at);
        one["claimed_by"] = place_json(finding.claimed);
        one["cached_for"] = text_or_null(finding.cached_for);
        one["used_by"] = text_or_null(finding.used_by);
        findings.push_back(std::move(one));
    }
    Json iommus = Json::array();
    std::uint64_t lazy_uses = 0;
    std::uint64_t lazy_frees = 0;
    for (const auto& [name, counters] : report.iommus) {
        iommus.push_back({{"name", name},
                          {"reads", counters.reads},
                          {"entries", counters.entries},
                          {"held_most", counters.held_most},
                          {"held", counters.held},
                          {"commands", counters.commands},
                          {"syncs", counters.syncs},
                          {"stores", counters.writes},
                          {"claims", counters.claims}});
        lazy_uses += counters.lazy_uses;
        lazy_frees += counters.lazy_frees;
    }
    Json all;
    all["findings"] = std::move(findings);
    all["findings_total"] = report.total;
    all["lazy_window"] = {{"uses", lazy_uses}, {"frees", lazy_frees}};
    all["iommus"] = std::move(iommus);
    all["ledger"] = {{"transactions", report.ledger.transactions},
                     {"differing", report.ledger.differing},
                     {"open", report.ledger.open}};
    return all;
}

std::vector<kernel::ConsoleLine> sanitizer_lines(const soc::SanitizerReport& report) {
    std::vector<kernel::ConsoleLine> lines;
    for (const soc::SanitizerFinding& finding : report.findings) {
        const auto add = [&](const std::string& text) { lines.push_back({finding.time, kernel::LogLevel::err, text}); };
        add(fmt::format("BUG: SMMUSAN: {} in {}: {}", finding.rule, finding.iommu, finding.what));
        if (!finding.written.task.empty()) add("  written at " + finding.written.text());
        if (!finding.claimed.task.empty()) add("  relied on at " + finding.claimed.text());
        if (!finding.cached_for.empty()) add("  cached for " + finding.cached_for);
        if (!finding.used_by.empty()) add("  usable by " + finding.used_by);
        if (!finding.missing.empty()) add("  missing: " + finding.missing);
        if (!finding.given.empty()) add("  given: " + finding.given);
    }
    return lines;
}

}  // namespace xlate::study
