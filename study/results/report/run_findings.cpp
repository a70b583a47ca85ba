// What a run's kernel and hardware say: groups, faults, reports, locks, stale translations.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::string untranslated(const Json& result) {
    if (!result.contains("untranslated") || result.at("untranslated").empty()) return "";
    const Json& all = result.at("untranslated");
    HtmlTable table("Not translated", {"device", "reason", "why"}, 3);
    for (std::size_t i = 0; i < all.size() && i < kMostRows; ++i)
        table.add({text(all[i].at("device")), text(all[i].at("kind")), text(all[i].at("why"))});
    return heading(fmt::format("Not translated ({})", all.size())) + table.html() + more_of(all.size());
}

std::string hex(const Json& value) { return fmt::format("{:#x}", value.get<std::uint64_t>()); }

struct FaultKind {
    std::string device, reason, iommu;
    std::uint64_t times = 0;
    Json first, last;                       ///< times_ns
    std::uint64_t lowest = 0, highest = 0;  ///< iovas
};

/// By device, reason and IOMMU, in the order in which each was first seen.
std::vector<FaultKind> fault_kinds(const Json& faults) {
    std::vector<FaultKind> kinds;
    std::map<std::array<std::string, 3>, std::size_t> place;
    for (const Json& fault : faults) {
        const std::array<std::string, 3> key{text(fault.at("device")), text(fault.at("reason")),
                                             text(fault.at("iommu"))};
        const auto iova = fault.at("iova").get<std::uint64_t>();
        const auto [at, is_new] = place.emplace(key, kinds.size());
        if (is_new) kinds.push_back({key[0], key[1], key[2], 0, fault.at("time_ns"), {}, iova, iova});
        FaultKind& kind = kinds[at->second];
        ++kind.times;
        kind.last = fault.at("time_ns");
        kind.lowest = std::min(kind.lowest, iova);
        kind.highest = std::max(kind.highest, iova);
    }
    return kinds;
}

}  // namespace

std::string groups_section(RunPage& page) {
    const Json& all = page.result.at("groups");
    HtmlTable table("Groups", {"group", "domain", "devices"}, 3);
    std::size_t shown = 0;
    for (const Json& group : all) {
        if (++shown > kMostRows) break;
        std::string members;
        for (const Json& device : group.at("devices")) members += (members.empty() ? "" : " ") + text(device);
        table.add({text(group.at("id")), text(group.at("type")), members});
    }
    std::string html = heading(fmt::format("Groups ({})", all.size()));
    html += all.empty() ? "<p>none: nothing is translated</p>\n" : table.html();
    return html + more_of(all.size()) + untranslated(page.result);
}

std::string faults_section(RunPage& page) {
    const Json& all = page.result.at("faults");
    if (all.empty()) return "";
    HtmlTable table("Faults", {"time", "device", "id", "iova", "IOMMU", "reason"});
    for (std::size_t i = 0; i < all.size() && i < kMostRows; ++i) {
        const Json& fault = all[i];
        table.add({span_text(fault.at("time_ns")), text(fault.at("device")), hex(fault.at("id")), hex(fault.at("iova")),
                   text(fault.at("iommu")), text(fault.at("reason"))},
                  true);
    }
    const std::string title = heading(fmt::format("Faults ({})", text(page.result.at("faults_total"))));
    const std::vector<FaultKind> kinds = fault_kinds(all);
    if (kinds.size() == all.size()) return title + table.folded_html("all of them") + more_of(all.size());
    // Many of one kind say no more than one of them: how often, from when to when, and where.
    HtmlTable summary("Faults by device and reason",
                      {"device", "reason", "IOMMU", "how often", "first", "last", "from iova", "to"}, 3);
    for (const FaultKind& kind : kinds) {
        if (summary.size() == kMostRows) break;
        summary.add({kind.device, kind.reason, kind.iommu, table_number(kind.times), span_text(kind.first),
                     span_text(kind.last), hex(kind.lowest), hex(kind.highest)},
                    true);
    }
    const Json& total = page.result.at("faults_total");
    const std::string listed =
        total == all.size() ? "" : fmt::format("<p class=\"dim\">Of the first {}.</p>\n", all.size());
    return title + listed + summary.folded_html("all kinds") +
           fmt::format("<details><summary>one by one</summary>\n{}{}</details>\n", table.html(), more_of(all.size()));
}

std::string kernel_section(RunPage& page) {
    const Json& kernel = page.result.at("kernel");
    std::string html;
    for (const auto& [key, title] :
         {std::pair{"oops", "Crashes"}, {"lockdep", "Lock order"}, {"races", "Data races"}, {"warnings", "Warnings"}}) {
        const Json& reports = kernel.at(key);
        if (reports.empty()) continue;
        HtmlTable table(title, {"what", "kind", "where"}, 3);
        for (std::size_t i = 0; i < reports.size() && i < kMostRows; ++i)
            table.add({text(reports[i].at("what")), text(reports[i].at("kind")), text(reports[i].at("where"))}, true);
        html += fmt::format("<h3>{} ({})</h3>\n", title, reports.size()) + table.folded_html("all of them") +
                more_of(reports.size());
    }
    HtmlTable locks("Locks", {"lock", "taken", "held", "waited for", "waited"});
    for (const Json& lock : kernel.at("locks"))
        locks.add({text(lock.at("name")), table_number(lock.at("acquired")),
                   lock.contains("held_ns") ? span_text(lock.at("held_ns")) : "", table_number(lock.at("contended")),
                   span_text(lock.at("wait_ns"))});
    if (!locks.empty()) html += "<h3>Locks</h3>\n" + locks.html();
    return html.empty() ? "" : heading("Kernel") + html;
}

std::string sanitizer_section(RunPage& page) {
    if (!page.result.contains("sanitizer")) return "";
    const Json& findings = page.result.at("sanitizer").at("findings");
    HtmlTable table("Stale translations", {"rule", "finding"}, 2);
    for (std::size_t i = 0; i < findings.size() && i < kMostRows; ++i)
        table.add({text(findings[i].at("rule")), text(findings[i].at("what"))}, true);
    return heading(fmt::format("Stale translations ({})", text(page.result.at("sanitizer").at("findings_total")))) +
           (table.empty() ? "<p>none</p>\n" : table.folded_html("all of them")) + more_of(findings.size());
}

}  // namespace xlate::study
