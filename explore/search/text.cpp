// What people read: verdicts, bug lists, timelines, the matrix.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "explore/search/reduce.hpp"

namespace xlate::explore {

namespace {

constexpr std::size_t kPageWidth = 80;
constexpr std::size_t kNarrowestColumn = 24;

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
}

/// Breaks at blanks; a word that is too long is cut.
std::vector<std::string> wrap(const std::string& text, std::size_t width) {
    std::vector<std::string> lines;
    std::string line;
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t end = text.find(' ', at);
        if (end == std::string::npos) end = text.size();
        std::string word = text.substr(at, end - at);
        at = end + 1;
        while (word.size() > width) {
            if (!line.empty()) lines.push_back(std::exchange(line, ""));
            lines.push_back(word.substr(0, width));
            word = word.substr(width);
        }
        if (!line.empty() && line.size() + 1 + word.size() > width) lines.push_back(std::exchange(line, ""));
        line += (line.empty() ? "" : " ") + word;
    }
    if (!line.empty() || lines.empty()) lines.push_back(line);
    return lines;
}

std::string pad(std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text;
}

std::string bug_title(const Bug& bug) { return bug.what; }

}  // namespace

std::string verdict_line(const ExploreResult& result) { return upper(name(result.verdict)) + " " + result.scope; }

std::string explore_text(const ExploreResult& result) {
    std::string out = fmt::format("{} at {}: {}\n", result.scenario, result.variant, verdict_line(result));
    for (const Bug& bug : result.bugs) {
        out += fmt::format("\n{}. {}\n", bug.id, bug_title(bug));
        if (!bug.tasks.empty()) out += fmt::format("   tasks: {}\n", fmt::join(bug.tasks, ", "));
        const std::string seen =
            bug.seen != 0 ? fmt::format("in {} of {} schedules, ", bug.seen, result.schedules) : "";
        out += fmt::format("   {} deviation{}, {} steps, {}first in number {}\n", bug.deviations,
                           bug.deviations == 1 ? "" : "s", bug.steps, seen, bug.first_found_at);
        if (bug.inevitable_at) out += fmt::format("   nothing avoids it after step {}\n", *bug.inevitable_at);
        out += "   xlate replay '" + bug.schedule + "'\n";
        if (bug.reduced) {
            std::vector<std::string> gone;
            for (const std::string& part : bug.reduced->without) gone.push_back(part_text(part));
            for (const std::string& line : wrap(fmt::format("also without {}:", fmt::join(gone, ", ")), kPageWidth - 3))
                out += "   " + line + "\n";
            out += "   xlate replay '" + bug.reduced->schedule + "'\n";
        }
    }
    if (!result.outcomes.empty()) {
        out += fmt::format("\n{} final outcome{}:\n", result.outcomes.size(), result.outcomes.size() == 1 ? "" : "s");
        for (const std::string& outcome : result.outcomes) {
            bool first = true;
            for (const std::string& line : wrap(outcome, kPageWidth - 4)) {
                out += (first ? "  - " : "    ") + line + "\n";
                first = false;
            }
        }
    }
    if (!result.limits.empty()) {
        out += "\nNote: ";
        std::string indent;
        for (const std::string& line : wrap(result.limits, kPageWidth - 6)) {
            out += indent + line + "\n";
            indent = "      ";
        }
    }
    return out;
}

std::string timeline_text(const Replay& replay) {
    std::string out = replay.scenario + " at " + replay.variant + ": " + replay.token + "\n";
    if (!replay.missing.empty()) {
        out +=
            "The token does not fit: the point '" + replay.missing + "' is missing; the plain order was taken there.\n";
    }
    const std::size_t columns = std::max<std::size_t>(replay.tasks.size(), 1);
    const std::size_t width = std::max(kNarrowestColumn, (kPageWidth - 4 - 3 * (columns - 1)) / columns);
    const auto row = [&](std::size_t column, const std::string& mark, const std::string& text) {
        std::string line = pad(mark, 4);
        for (std::size_t i = 0; i < columns; ++i) {
            if (i != 0) line += " | ";
            line += pad(i == column ? text : "", width);
        }
        line.erase(line.find_last_not_of(" ") + 1);
        out += line + "\n";
    };
    out += "\n";
    std::string head = "    ";
    std::string rule = "----";
    for (std::size_t i = 0; i < replay.tasks.size(); ++i) {
        if (i != 0) {
            head += " | ";
            rule += "-+-";
        }
        head += pad(replay.tasks[i].substr(0, width), width);
        rule += std::string(width, '-');
    }
    head.erase(head.find_last_not_of(" ") + 1);
    out += head + "\n" + rule + "\n";
    std::map<std::size_t, std::string> last_function;
    for (std::size_t i = 0; i < replay.steps.size(); ++i) {
        const ReplayStep& step = replay.steps[i];
        const std::string mark = (step.deviation ? ">" : "") + std::to_string(i + 1);
        if (last_function[step.task] != step.function && !step.function.empty()) {
            last_function[step.task] = step.function;
            for (const std::string& line : wrap(step.function + ":", width)) row(step.task, "", line);
        }
        bool first = true;
        for (const std::string& line : wrap((step.step.empty() ? "" : step.step + " ") + step.action, width)) {
            row(step.task, first ? mark : "", line);
            first = false;
        }
        for (const std::string& change : step.changes) {
            for (const std::string& line : wrap("* " + change, width)) row(step.task, "", line);
        }
    }
    for (const kernel::Report& report : replay.reports) out += "\n" + report.text();
    if (replay.reports.empty()) out += "\nNothing was reported.\n";
    if (!replay.outcome.empty()) out += "\nOutcome: " + replay.outcome + "\n";
    return out;
}

std::string matrix_text(const std::vector<MatrixCell>& cells) {
    std::vector<std::string> bugs;  // in order of first appearance
    std::size_t widest = 7;
    for (const MatrixCell& cell : cells) {
        widest = std::max(widest, cell.variant.size());
        for (const Bug& bug : cell.result.bugs) {
            if (std::find(bugs.begin(), bugs.end(), bug_title(bug)) == bugs.end()) bugs.push_back(bug_title(bug));
        }
    }
    std::string out = pad("variant", widest);
    for (std::size_t i = 0; i < bugs.size(); ++i) out += fmt::format(" {:>3}", i + 1);
    out += "  verdict\n";
    for (const MatrixCell& cell : cells) {
        out += pad(cell.variant, widest);
        for (const std::string& title : bugs) {
            const bool has = std::any_of(cell.result.bugs.begin(), cell.result.bugs.end(),
                                         [&](const Bug& bug) { return bug_title(bug) == title; });
            out += has ? "   x" : "   .";
        }
        out += "  " + verdict_line(cell.result) + "\n";
    }
    for (std::size_t i = 0; i < bugs.size(); ++i) out += fmt::format("{:>3}: {}\n", i + 1, bugs[i]);
    return out;
}

}  // namespace xlate::explore
