#include "study/calibrate/trace_calls.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace xlate::study {
namespace {

constexpr std::size_t kDeepest = 256;  ///< open functions of one task

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads one line from the left.
class Cursor {
public:
    explicit Cursor(std::string_view text) : rest_(text) {}
    void skip_blanks() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
    }
    bool take(std::string_view word) {
        if (rest_.substr(0, word.size()) != word) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    /// Digits; nothing if there are none, or too many.
    std::optional<std::uint64_t> number() {
        std::size_t end = 0;
        std::uint64_t value = 0;
        while (end < rest_.size() && is_digit(rest_[end]) && end < 18)
            value = value * 10 + static_cast<std::uint64_t>(rest_[end++] - '0');
        if (end == 0) return std::nullopt;
        rest_.remove_prefix(end);
        return value;
    }
    /// "12.345678", `digits` behind the point: in units of the last.
    std::optional<std::uint64_t> decimal(std::size_t digits) {
        const std::optional<std::uint64_t> whole = number();
        if (!whole || *whole > 1'000'000'000 || !take(".")) return std::nullopt;
        std::uint64_t value = *whole;
        std::size_t given = 0;
        while (!rest_.empty() && is_digit(rest_.front())) {
            if (given++ < digits) value = value * 10 + static_cast<std::uint64_t>(rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        if (given == 0) return std::nullopt;
        for (std::size_t i = given; i < digits; ++i) value *= 10;
        return value;
    }
    std::string word() {
        std::size_t end = 0;
        while (end < rest_.size() &&
               (std::isalnum(static_cast<unsigned char>(rest_[end])) != 0 || rest_[end] == '_' || rest_[end] == '.'))
            ++end;
        std::string name(rest_.substr(0, end));
        rest_.remove_prefix(end);
        return name;
    }
    std::string_view rest() const { return rest_; }

private:
    std::string_view rest_;
};

/// `dev="0000:00:00.0"`: the value, without its quotes.
std::string argument(std::string_view arguments, std::string_view name) {
    std::size_t at = arguments.find(name);
    while (at != std::string_view::npos && at != 0 && arguments[at - 1] != ' ') at = arguments.find(name, at + 1);
    if (at == std::string_view::npos) return "";
    std::string_view value = arguments.substr(at + name.size());
    if (!value.empty() && value.front() == '"') {
        value.remove_prefix(1);
        return std::string(value.substr(0, value.find('"')));
    }
    return std::string(value.substr(0, value.find(' ')));
}

std::optional<std::int64_t> returned(std::string_view arguments) {
    const std::string text = argument(arguments, "ret=");
    Cursor cursor(text);
    const bool negative = cursor.take("-");
    const std::optional<std::uint64_t> value = cursor.number();
    if (!value || !cursor.rest().empty()) return std::nullopt;
    return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
}

class Reader {
public:
    TraceCalls read(const std::string& text) {
        for (std::size_t at = text.find(" <- "); at != std::string::npos; at = text.find(" <- ", at + 4))
            returning_.insert(Cursor(std::string_view(text).substr(at + 4)).word());
        std::string_view rest = text;
        while (!rest.empty()) {
            const std::size_t end = rest.find('\n');
            std::string_view line = rest.substr(0, end);
            if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
            if (event(line) || graph(line)) {
                ++calls_.lines;
            } else {
                note(line);
            }
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        }
        for (const auto& [task, stack] : open_) calls_.unfinished += stack.size();
        calls_.whole_microseconds = calls_.lines != 0 && !finer_;
        return std::move(calls_);
    }

private:
    struct Open {
        std::string function;
        std::string device;
        std::string driver;
        std::uint64_t entered_ns = 0;
        std::uint64_t last_ns = 0;  ///< moment
        std::string last;
    };

    /// TASK-PID [CPU] FLAGS SECONDS: EVENT: ARGUMENTS
    bool event(std::string_view line) {
        const std::size_t bracket = line.find(" [");
        if (bracket == std::string_view::npos) return false;
        const std::size_t dash = line.substr(0, bracket).rfind('-');
        if (dash == std::string_view::npos) return false;
        Cursor pid(line.substr(dash + 1));
        const std::optional<std::uint64_t> task = pid.number();
        if (!task) return false;
        Cursor cursor(line.substr(bracket + 2));
        if (!cursor.number() || !cursor.take("]")) return false;
        // Flags stand there or not.
        const std::size_t colon = cursor.rest().find(": ");
        if (colon == std::string_view::npos) return false;
        const std::string_view before = cursor.rest().substr(0, colon);
        Cursor time(
            before.substr(before.find_last_of(' ') == std::string_view::npos ? 0 : before.find_last_of(' ') + 1));
        const std::optional<std::uint64_t> at = time.decimal(9);
        if (!at || !time.rest().empty()) return false;
        finer_ = finer_ || *at % 1000 != 0;
        Cursor what(cursor.rest().substr(colon + 2));
        const std::string name = what.word();
        if (name.empty() || !what.take(":")) return false;
        what.skip_blanks();
        happened("task " + std::to_string(*task), *at, name, what.rest());
        return true;
    }
    void happened(const std::string& task, std::uint64_t at, const std::string& name, std::string_view arguments) {
        std::vector<Open>& stack = open_[task];
        if (!arguments.empty() && arguments.front() == '(') {
            const std::size_t close = arguments.find(')');
            const std::string_view place = arguments.substr(1, close == std::string_view::npos ? close : close - 1);
            const std::string_view values =
                close == std::string_view::npos ? std::string_view() : arguments.substr(close + 1);
            if (const std::size_t arrow = place.find(" <- "); arrow != std::string_view::npos) {
                Cursor function(place.substr(arrow + 4));
                leave(stack, function.word(), at, returned(values));
                return;
            }
            Cursor function(place);
            const std::string entered = function.word();
            if (entered.empty()) return;
            if (returning_.count(entered) == 0) {
                moment(stack, entered, at, argument(values, "dev="));
            } else if (stack.size() < kDeepest) {
                stack.push_back({entered, argument(values, "dev="), argument(values, "drv="), at, at, ""});
            }
            return;
        }
        moment(stack, name, at, argument(arguments, "device="));
    }
    void moment(std::vector<Open>& stack, const std::string& name, std::uint64_t at, std::string device) {
        TraceMoment moment;
        moment.event = name;
        moment.device = std::move(device);
        if (!stack.empty()) {
            Open& open = stack.back();
            moment.within = open.function;
            moment.since_entry_ns = at - open.entered_ns;
            moment.since_previous_ns = at - open.last_ns;
            moment.previous = open.last;
            open.last_ns = at;
            open.last = name;
        }
        calls_.moments.push_back(std::move(moment));
    }
    /// Those above it have lost their return.
    void leave(std::vector<Open>& stack, const std::string& function, std::uint64_t at,
               std::optional<std::int64_t> value) {
        const auto found =
            std::find_if(stack.rbegin(), stack.rend(), [&](const Open& open) { return open.function == function; });
        if (found == stack.rend()) return;
        const Open open = *found;
        const auto place = stack.size() - 1 - static_cast<std::size_t>(found - stack.rbegin());
        calls_.unfinished += stack.size() - 1 - place;
        stack.resize(place);
        calls_.calls.push_back({open.function, open.device, open.driver, at - open.entered_ns, value});
    }

    /// CPU) DURATION us | BODY, with a time or a task in front of the duration or not.
    bool graph(std::string_view line) {
        const std::size_t bar = line.rfind(" |  ");
        if (bar == std::string_view::npos) return false;
        std::string_view body = line.substr(bar + 4);
        while (!body.empty() && body.front() == ' ') body.remove_prefix(1);
        std::string_view head = line.substr(0, bar);
        const std::size_t parenthesis = head.find(')');
        if (parenthesis == std::string_view::npos || parenthesis == 0 || !is_digit(head[parenthesis - 1])) return false;
        std::size_t start = parenthesis;
        while (start > 0 && is_digit(head[start - 1])) --start;
        const std::string cpu = "cpu " + std::string(head.substr(start, parenthesis - start));
        const std::optional<std::uint64_t> duration = duration_of(head.substr(parenthesis + 1));
        std::vector<Open>& stack = open_[cpu];
        if (!body.empty() && body.front() == '}') {
            if (stack.empty()) return true;
            const Open open = stack.back();
            stack.pop_back();
            if (duration) calls_.calls.push_back({open.function, "", "", *duration, std::nullopt});
            return true;
        }
        Cursor cursor(body);
        const std::string function = cursor.word();
        if (function.empty() || !cursor.take("(")) return false;
        if (!body.empty() && body.back() == '{') {
            if (stack.size() < kDeepest) stack.push_back({function, "", "", 0, 0, ""});
        } else if (duration) {
            calls_.calls.push_back({function, "", "", *duration, std::nullopt});
        }
        return true;
    }
    /// "+ 12.345 us" at the end; nothing: it is not finished here.
    std::optional<std::uint64_t> duration_of(std::string_view head) {
        while (!head.empty() && head.back() == ' ') head.remove_suffix(1);
        if (head.size() < 3 || head.substr(head.size() - 3) != " us") return std::nullopt;
        head.remove_suffix(3);
        const std::size_t blank = head.find_last_of(" |+!#*@$");
        Cursor number(head.substr(blank == std::string_view::npos ? 0 : blank + 1));
        const std::optional<std::uint64_t> value = number.decimal(3);
        if (value) finer_ = finer_ || *value % 1000 != 0;
        return value;
    }

    /// Lines of the log that say on what it ran.
    void note(std::string_view line) {
        calls_.acpi = calls_.acpi || line.find("ACPI: RSDP 0x") != std::string_view::npos;
        if (!calls_.emulated.empty()) return;
        for (const std::string_view word : {"linux,dummy-virt", "QEMU Virtual Machine", "QEMU Standard PC",
                                            "riscv-virtio,qemu", "DMI: QEMU", "Hypervisor detected: KVM"}) {
            if (line.find(word) != std::string_view::npos) calls_.emulated = std::string(word);
        }
    }

    TraceCalls calls_;
    std::set<std::string> returning_;  ///< functions whose return is recorded; of others an entry is a moment
    std::map<std::string, std::vector<Open>> open_;
    bool finer_ = false;
};

}  // namespace

TraceCalls read_trace(const std::string& text) { return Reader().read(text); }

}  // namespace xlate::study
