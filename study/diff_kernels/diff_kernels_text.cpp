#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "study/diff_kernels/diff_kernels.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::string because_text(const std::vector<std::string>& because) {
    return fmt::format("[{}]", fmt::join(because, ", "));
}

std::string size_text(const BootFacts& facts) {
    return fmt::format("{} groups with {} devices", facts.groups, facts.grouped());
}

/// One group's fate, as a sentence; none if only its number changed.
struct Fate {
    std::string what;  ///< "split", "merged", "lost", "new", "grown"
    std::vector<std::string> devices;
    std::string text;
};

std::map<unsigned, std::vector<std::string>> groups_of(const BootFacts& facts) {
    std::map<unsigned, std::vector<std::string>> groups;
    for (const BootedDevice& device : facts.devices) {
        if (device.group) groups[*device.group].push_back(device.name);
    }
    return groups;
}

std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kMost = 4;
    if (names.size() <= kMost + 1) return fmt::format("{}", fmt::join(names, ", "));
    return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kMost, ", "), names.size() - kMost);
}

std::vector<Fate> fates(const BootFacts& was, const BootFacts& is) {
    std::vector<Fate> all;
    const auto group_in = [](const BootFacts& facts, const std::string& name) {
        const BootedDevice* const device = facts.find(name);
        return device == nullptr ? std::optional<unsigned>{} : device->group;
    };
    for (const auto& [id, members] : groups_of(was)) {
        std::map<unsigned, std::vector<std::string>> parts;
        std::vector<std::string> lost;
        for (const std::string& name : members) {
            if (const auto now = group_in(is, name))
                parts[*now].push_back(name);
            else
                lost.push_back(name);
        }
        if (parts.size() > 1) {
            std::string text;
            for (const auto& [now, names] : parts)
                text += fmt::format("{}{}", text.empty() ? "" : " | ", listed(names));
            all.push_back({"split", members, fmt::format("group {} is now {} groups: {}", id, parts.size(), text)});
        }
        if (!lost.empty()) all.push_back({"lost", lost, fmt::format("group {} loses {}", id, listed(lost))});
    }
    for (const auto& [id, members] : groups_of(is)) {
        std::set<unsigned> from;
        std::vector<std::string> joined;
        for (const std::string& name : members) {
            if (const auto before = group_in(was, name))
                from.insert(*before);
            else
                joined.push_back(name);
        }
        if (from.size() > 1)
            all.push_back({"merged", members,
                           fmt::format("group {} is made of {} groups: {}", id, from.size(), listed(members))});
        if (!joined.empty()) {
            all.push_back({from.empty() ? "new" : "joins", joined,
                           from.empty() ? fmt::format("group {} is new: {}", id, listed(joined))
                                        : fmt::format("{} joins group {}", listed(joined), id)});
        }
    }
    return all;
}

Json facts_json(const BootFacts& facts, const std::string& variant) {
    Json devices = Json::array();
    for (const BootedDevice& device : facts.devices) {
        Json errors = Json::array();
        for (const ProbeError& one : device.errors) errors.push_back({{"ret", one.ret}, {"caller", one.caller}});
        Json one{{"name", device.name}};
        one["driver"] = device.driver.empty() ? Json() : Json(device.driver);
        one["state"] = device.state;
        if (!device.why.empty()) one["why"] = device.why;
        one["ids"] = device.ids;
        one["group"] = device.group ? Json(*device.group) : Json();
        one["domain"] = std::string(kernel::name(device.domain));
        one["errors"] = std::move(errors);
        if (!device.acs.empty()) one["acs"] = device.acs;
        devices.push_back(std::move(one));
    }
    return {{"variant", variant},
            {"groups", facts.groups},
            {"devices_in_groups", facts.grouped()},
            {"devices", std::move(devices)},
            {"reports", facts.reports}};
}

Json differences_json(const std::vector<KernelDifference>& differences) {
    Json all = Json::array();
    for (const KernelDifference& one : differences) {
        all.push_back({{"device", one.device},
                       {"field", std::string(name(one.field))},
                       {"from", one.from},
                       {"to", one.to},
                       {"because", one.because}});
    }
    return all;
}

bool folded(DiffField field) {
    return field == DiffField::acs || field == DiffField::number || field == DiffField::order;
}

/// "with a, b, c, d, e, f" cut short.
std::string short_value(const std::string& value) {
    if (value.rfind("with ", 0) != 0) return value;
    std::vector<std::string> names;
    for (std::size_t at = 5; at < value.size();) {
        const std::size_t end = std::min(value.find(", ", at), value.size());
        names.push_back(value.substr(at, end - at));
        at = end + 2;
    }
    return "with " + listed(names);
}

std::string what_text(const KernelDifference& one) {
    switch (one.field) {
        case DiffField::outcome:
            return fmt::format("{} -> {}", one.from, one.to);
        case DiffField::group:
            return fmt::format("group: {} -> {}", short_value(one.from), short_value(one.to));
        case DiffField::ids:
            return fmt::format("ids: {} -> {}", one.from, one.to);
        case DiffField::domain:
            return fmt::format("domain: {} -> {}", one.from, one.to);
        case DiffField::errors:
            return fmt::format("error: {} -> {}", one.from, one.to);
        case DiffField::acs:
        case DiffField::number:
        case DiffField::order:
        case DiffField::kCount:
            break;
    }
    return {};
}

/// Functions whose access control changes alike stand on one line.
void add_access_control(const std::vector<KernelDifference>& differences, std::string& text) {
    std::map<std::string, std::vector<std::string>> functions;
    for (const KernelDifference& one : differences) {
        if (one.field != DiffField::acs) continue;
        functions[fmt::format("{} -> {}  {}", one.from, one.to, because_text(one.because))].push_back(one.device);
    }
    for (const auto& [change, names] : functions)
        text += fmt::format("\nAccess control (ACS): {}\n  {}\n", change, listed(names));
}

void add_devices(const std::vector<KernelDifference>& differences, std::string& text) {
    std::size_t widest = 0;
    for (const KernelDifference& one : differences) {
        if (!folded(one.field)) widest = std::max(widest, one.device.size());
    }
    std::string before;
    bool headed = false;
    for (const KernelDifference& one : differences) {
        if (folded(one.field)) continue;
        if (!headed) text += "\nDevices\n";
        headed = true;
        text += fmt::format("  {:<{}}  {}  {}\n", one.device == before ? "" : one.device, widest, what_text(one),
                            because_text(one.because));
        before = one.device;
    }
    for (const DiffField field : {DiffField::number, DiffField::order}) {
        std::map<std::vector<std::string>, std::size_t> count;
        for (const KernelDifference& one : differences) {
            if (one.field == field) ++count[one.because];
        }
        for (const auto& [because, devices] : count) {
            if (!headed) text += "\nDevices\n";
            headed = true;
            text += fmt::format(
                "  {} of {} device{} that both put into groups  {}\n",
                field == DiffField::number ? "another group number" : "another place in the order of joining", devices,
                devices == 1 ? "" : "s", because_text(because));
        }
    }
}

void add_reports(const KernelDiff& diff, std::string& text) {
    const auto only = [&](const BootFacts& of, const BootFacts& other, const std::string& variant) {
        for (const std::string& report : of.reports) {
            if (std::find(other.reports.begin(), other.reports.end(), report) == other.reports.end())
                text += fmt::format("\n{} alone reports: {}\n", variant, report);
        }
    };
    only(diff.was, diff.is, diff.first);
    only(diff.is, diff.was, diff.second);
}

void add_causes(const KernelDiff& diff, std::string& text) {
    std::string causes;
    std::string others;
    for (const KernelChange& change : diff.changes) {
        std::size_t count = 0;
        for (const KernelDifference& one : diff.differences)
            count += static_cast<std::size_t>(std::count(one.because.begin(), one.because.end(), change.name));
        if (count == 0) {
            others += fmt::format("{}{}", others.empty() ? "" : ", ", change.name);
            continue;
        }
        causes += fmt::format("  {}{}: {} ({} difference{})\n", change.removed ? "without " : "", change.name,
                              change.sentence, count, count == 1 ? "" : "s");
    }
    if (!causes.empty()) text += "\nBecause\n" + causes;
    if (!others.empty()) text += fmt::format("\nOther changes, which make no difference here: {}\n", others);
}

void add_notes(const std::vector<std::string>& notes, std::string& text) {
    if (notes.empty()) return;
    text += "\nNotes\n";
    for (const std::string& note : notes) text += "  " + printable(note) + "\n";
}

/// "series-v1@0, series-v1@1, ..., series-v1@5": "series-v1@0..5".
std::string folded_names(const std::vector<std::string>& variants) {
    std::string text;
    for (std::size_t i = 0; i < variants.size(); ++i) {
        const std::string& first = variants[i];
        const std::size_t at = first.find('@');
        std::size_t last = i;
        while (at != std::string::npos && last + 1 < variants.size() &&
               variants[last + 1].compare(0, at + 1, first, 0, at + 1) == 0)
            ++last;
        text += (text.empty() ? "" : ", ") + first;
        if (last != i) text += ".." + variants[last].substr(at + 1);
        i = last;
    }
    return text;
}

}  // namespace

std::string diff_kernels_text(const KernelDiff& diff) {
    std::string text = fmt::format("{}: {} -> {}\n", printable(diff.board), diff.first, diff.second);
    text += fmt::format("  {} -> {}\n", size_text(diff.was), size_text(diff.is));
    if (diff.differences.empty()) text += "  nothing differs\n";
    const std::vector<Fate> all = fates(diff.was, diff.is);
    if (!all.empty()) text += "\nGroups\n";
    for (const Fate& fate : all) text += fmt::format("  {:<6}  {}\n", fate.what, fate.text);
    add_devices(diff.differences, text);
    add_access_control(diff.differences, text);
    add_reports(diff, text);
    add_causes(diff, text);
    add_notes(diff.notes, text);
    return text;
}

Json diff_kernels_json(const KernelDiff& diff) {
    Json changes = Json::array();
    for (const KernelChange& change : diff.changes)
        changes.push_back({{"name", change.name}, {"sentence", change.sentence}, {"removed", change.removed}});
    Json groups = Json::array();
    for (const Fate& fate : fates(diff.was, diff.is))
        groups.push_back({{"what", fate.what}, {"devices", fate.devices}, {"text", fate.text}});
    return {{"schema", "xlate.diff-kernels/1"},
            {"board", diff.board},
            {"was", facts_json(diff.was, diff.first)},
            {"is", facts_json(diff.is, diff.second)},
            {"groups", std::move(groups)},
            {"differences", differences_json(diff.differences)},
            {"changes", std::move(changes)},
            {"notes", diff.notes}};
}

std::string kernel_matrix_text(const KernelMatrix& matrix) {
    std::string text = fmt::format("{}: every variant; lines of the same outcome are one\n", printable(matrix.board));
    for (const KernelMatrixRow& row : matrix.rows) {
        text += fmt::format("\n{}\n  {}", folded_names(row.variants), size_text(row.facts));
        std::map<std::string, std::size_t> states;
        for (const BootedDevice& device : row.facts.devices) {
            if (device.state == "deferred" || device.state == "failed") ++states[device.state];
        }
        for (const auto& [state, count] : states) text += fmt::format(", {} {}", count, state);
        text += "\n";
        for (const std::string& report : row.facts.reports) text += "  reports: " + printable(report) + "\n";
        std::map<std::vector<std::string>, std::map<std::string, std::size_t>> by_cause;
        for (const KernelDifference& one : row.differences) ++by_cause[one.because][std::string(name(one.field))];
        for (const auto& [because, fields] : by_cause) {
            std::string counts;
            for (const auto& [field, count] : fields)
                counts += fmt::format("{}{} of {}", counts.empty() ? "" : ", ", field, count);
            text += fmt::format("  {} {}\n", counts, because_text(because));
        }
    }
    add_notes(matrix.notes, text);
    return text;
}

Json kernel_matrix_json(const KernelMatrix& matrix) {
    Json rows = Json::array();
    for (const KernelMatrixRow& row : matrix.rows) {
        Json facts = facts_json(row.facts, row.variants.front());
        facts["variants"] = row.variants;
        facts["differences"] = differences_json(row.differences);
        rows.push_back(std::move(facts));
    }
    return {{"schema", "xlate.diff-kernels-matrix/1"},
            {"board", matrix.board},
            {"rows", std::move(rows)},
            {"notes", matrix.notes}};
}

}  // namespace xlate::study
