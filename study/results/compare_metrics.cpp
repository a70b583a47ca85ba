#include "study/results/compare_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "study/results/escape.hpp"
#include "study/results/numbers.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownRows = 20;
constexpr std::size_t kShownRest = 100;

/// `pattern` is all of `text`; `*` is anything.
bool is_like(std::string_view pattern, std::string_view text) {
    std::size_t at = 0;
    std::size_t in = 0;
    std::size_t star = std::string_view::npos;
    std::size_t mark = 0;
    while (in < text.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            mark = in;
        } else if (at < pattern.size() && pattern[at] == text[in]) {
            ++at;
            ++in;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            in = ++mark;
        } else {
            return false;
        }
    }
    while (at < pattern.size() && pattern[at] == '*') ++at;
    return at == pattern.size();
}

bool has_word(const std::string& path, std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](const char* word) { return path.find(word) != std::string::npos; });
}

Metric::Better usual(const std::string& path) {
    if (has_word(path, {"bandwidth", "hits", "GB/s", ".ok", "hit rate"})) return Metric::Better::higher;
    if (has_word(path, {"_ns", " ns", "latency", "fault", "oops", "walk", "lockdep", "races", "deferred", "failed"}))
        return Metric::Better::lower;
    return Metric::Better::same;
}

double number(const Json& value) {
    if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
    return value.get<double>();
}
bool is_countable(const Json& value) { return value.is_number() || value.is_boolean(); }

InputError wrong(const std::string& text) {
    return InputError(
        Diagnostic{{"--metric", {}, {}, {}},
                   "",
                   fmt::format("found '{}'", printable(text)),
                   "PATTERN[:lower|higher|same][=PCT] such as 'masters[*].latency_ns.p99:lower=2', or headline",
                   ""});
}

Metric parse_metric(const std::string& text) {
    Metric metric;
    metric.pattern = text;
    const std::size_t equals = text.rfind('=');
    if (equals != std::string::npos) {
        const std::string pct = text.substr(equals + 1);
        const Parsed<Ratio> ratio = parse_ratio(pct.find('%') == std::string::npos ? pct + "%" : pct);
        if (!ratio) throw wrong(text);
        metric.tolerance =
            static_cast<double>(ratio.value().numerator) / static_cast<double>(ratio.value().denominator);
        metric.pattern.resize(equals);
    }
    const std::size_t colon = metric.pattern.rfind(':');
    for (const auto& [word, better] : {std::pair{"lower", Metric::Better::lower},
                                       {"higher", Metric::Better::higher},
                                       {"same", Metric::Better::same}}) {
        if (colon == std::string::npos || metric.pattern.substr(colon + 1) != word) continue;
        metric.better = better;
        metric.pattern.resize(colon);
        break;
    }
    if (metric.pattern.empty()) throw wrong(text);
    return metric;
}

/// As a person reads it: by the unit in its name.
std::string shown(const std::string& path, const Json& value) {
    if (value.is_null()) return "–";
    if (!value.is_number()) return value.is_string() ? value.get<std::string>() : value.dump();
    if (has_word(path, {"bytes_per_s"})) return rate_text(value.get<double>());
    if (has_word(path, {"_ns"})) return span_text(value.get<double>());
    return table_number(value);
}

std::string change_text(const Difference& one) {
    const std::optional<double> share = one.share();
    if (!share || (one.before.is_number() && one.before.get<double>() == 0)) return "";
    return fmt::format("{:+.2f} %", *share * 100);
}

/// What chance makes differ, as a share of the first value.
double chance_share(const Difference& one) { return one.chance.value_or(0) / std::fabs(one.before.get<double>()); }

/// What a difference may be: by a tolerance, by chance.
std::string allowed_text(const Difference& one) {
    std::string text = one.allowed == 0 ? "" : fmt::format("{:g} %", one.allowed * 100);
    if (one.chance && one.before.is_number() && one.before.get<double>() != 0)
        text += fmt::format("{}{:.2f} % by chance", text.empty() ? "" : ", ", chance_share(one) * 100);
    return text;
}

std::string row(const Difference& one) {
    return fmt::format("| {} | {} | {} | {} | {} | {} |\n", name(one.verdict), markdown_cell(one.path),
                       markdown_cell(one.in_first ? shown(one.path, one.before) : "absent"),
                       markdown_cell(one.in_second ? shown(one.path, one.after) : "absent"), change_text(one),
                       allowed_text(one));
}

}  // namespace

const char* name(Verdict verdict) {
    return verdict == Verdict::worse ? "worse" : verdict == Verdict::better ? "better" : "";
}

std::optional<double> Difference::share() const {
    if (!in_first || !in_second || !is_countable(before) || !is_countable(after)) return std::nullopt;
    const double was = number(before);
    const double is = number(after);
    if (was == is) return 0;
    return was == 0 ? 1.0 : (is - was) / std::fabs(was);
}

std::string Difference::text() const {
    if (!in_second) return fmt::format("{}: {} only in the first", path, before.dump());
    if (!in_first) return fmt::format("{}: {} only in the second", path, after.dump());
    const bool counts = before.is_number() && after.is_number() && before.get<double>() != 0;
    return fmt::format("{}: {} -> {}{}{}", path, before.dump(), after.dump(),
                       counts ? fmt::format(" ({:+.2f} %)", share().value_or(0) * 100) : "",
                       counts && chance ? fmt::format("; chance: {:.2f} %", chance_share(*this) * 100) : "");
}

bool Difference::is_chance() const {
    if (!chance || !before.is_number() || !after.is_number()) return false;
    return std::fabs(after.get<double>() - before.get<double>()) <= *chance;
}

bool Metric::matches(const std::string& path) const {
    if (is_like(pattern, path)) return true;
    for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
        if (is_like(pattern, std::string_view(path).substr(dot + 1))) return true;
    }
    return false;
}

Verdict Metric::verdict(const Difference& difference) const {
    const std::optional<double> share = difference.share();
    if (!share) return Verdict::worse;  // it has gone, or is no number: somebody has to look
    if (std::fabs(*share) <= tolerance || difference.is_chance()) return Verdict::as_before;
    switch (better.value_or(usual(difference.path))) {
        case Better::lower:
            return *share > 0 ? Verdict::worse : Verdict::better;
        case Better::higher:
            return *share < 0 ? Verdict::worse : Verdict::better;
        case Better::same:
            break;
    }
    return Verdict::worse;
}

std::vector<Metric> headline() {
    std::vector<Metric> all;
    for (const char* pattern :
         {"masters[*].bandwidth_bytes_per_s", "masters[*].latency_ns.mean", "masters[*].latency_ns.p99",
          "masters[*].faults", "devices[*].probe_ns", "devices[*].domain", "devices[*].state", "kernel.oops",
          "expect[*].ok", "[\"*\"].failed"})
        all.push_back({pattern, std::nullopt, 0, true});
    return all;
}

std::vector<Metric> parse_metrics(const std::vector<std::string>& texts) {
    std::vector<Metric> all;
    for (const std::string& text : texts) {
        if (text == "headline" || text.rfind("headline=", 0) == 0) {
            const Metric like = parse_metric(text);
            for (Metric metric : headline()) {
                metric.tolerance = like.tolerance;
                all.push_back(std::move(metric));
            }
        } else {
            all.push_back(parse_metric(text));
        }
    }
    return all;
}

std::string compare_markdown(const std::vector<Difference>& chosen, const std::vector<Difference>& all) {
    const auto count = [&](Verdict verdict) {
        return std::count_if(chosen.begin(), chosen.end(),
                             [&](const Difference& one) { return one.verdict == verdict; });
    };
    const auto worse = count(Verdict::worse);
    const auto better = count(Verdict::better);
    std::string text = worse != 0    ? fmt::format("### xlate: {} of {} metrics are worse\n\n", worse, chosen.size())
                       : better != 0 ? fmt::format("### xlate: nothing is worse, {} of {} metrics are better\n\n",
                                                   better, chosen.size())
                                     : fmt::format("### xlate: {} metrics are as before\n\n", chosen.size());
    if (worse + better != 0) {
        text += "| | metric | before | after | change | allowed |\n|---|---|---:|---:|---:|---:|\n";
        std::size_t shown_rows = 0;
        for (const Difference& one : chosen) {
            if (one.verdict == Verdict::as_before || ++shown_rows > kShownRows) continue;
            text += row(one);
        }
        if (shown_rows > kShownRows) text += fmt::format("\n... and {} more.\n", shown_rows - kShownRows);
        const auto rest = static_cast<std::ptrdiff_t>(chosen.size()) - worse - better;
        if (rest != 0) text += fmt::format("\n{} other metrics are as before.\n", rest);
    }
    if (all.empty()) return text + "\nAll values are equal.\n";
    text += fmt::format(
        "\n<details><summary>All {} values that differ</summary>\n\n| value | before | after | change |\n"
        "|---|---:|---:|---:|\n",
        all.size());
    for (std::size_t i = 0; i < all.size() && i < kShownRest; ++i) {
        const Difference& one = all[i];
        text += fmt::format("| {} | {} | {} | {} |\n", markdown_cell(one.path),
                            markdown_cell(one.in_first ? one.before.dump() : "absent"),
                            markdown_cell(one.in_second ? one.after.dump() : "absent"), change_text(one));
    }
    if (all.size() > kShownRest) text += fmt::format("\n... and {} more.\n", all.size() - kShownRest);
    return text + "\n</details>\n";
}

}  // namespace xlate::study
