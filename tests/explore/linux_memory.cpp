#include "tests/explore/linux_memory.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include <fmt/format.h>

namespace xlate::explore::tests {

namespace {

struct Event {
    bool write = false;
    char variable = 0;
    unsigned value = 0;     ///< of a store
    std::string reg;        ///< of a load
    int task = -1;          ///< -1: the initial store
    std::size_t place = 0;  ///< in its task
};

/// A relation on few events.
class Pairs {
public:
    explicit Pairs(std::size_t n) : n_(n), on_(n * n, false) {}
    bool has(std::size_t a, std::size_t b) const { return on_[a * n_ + b]; }
    void add(std::size_t a, std::size_t b) { on_[a * n_ + b] = true; }
    Pairs operator|(const Pairs& other) const {
        Pairs all = *this;
        for (std::size_t i = 0; i < on_.size(); ++i) all.on_[i] = on_[i] || other.on_[i];
        return all;
    }
    /// One, then the other.
    Pairs then(const Pairs& other) const {
        Pairs all(n_);
        for (std::size_t a = 0; a < n_; ++a) {
            for (std::size_t b = 0; b < n_; ++b) {
                for (std::size_t c = 0; has(a, b) && c < n_; ++c) {
                    if (other.has(b, c)) all.add(a, c);
                }
            }
        }
        return all;
    }
    Pairs or_none() const {
        Pairs all = *this;
        for (std::size_t a = 0; a < n_; ++a) all.add(a, a);
        return all;
    }
    /// Any number of times, none too.
    Pairs repeated() const {
        Pairs all = or_none();
        for (std::size_t b = 0; b < n_; ++b) {
            for (std::size_t a = 0; a < n_; ++a) {
                for (std::size_t c = 0; all.has(a, b) && c < n_; ++c) {
                    if (all.has(b, c)) all.add(a, c);
                }
            }
        }
        return all;
    }
    bool acyclic() const {
        const Pairs round = then(repeated());
        for (std::size_t a = 0; a < n_; ++a) {
            if (round.has(a, a)) return false;
        }
        return true;
    }
    template <typename Keep>
    Pairs where(const Keep& keep) const {
        Pairs all(n_);
        for (std::size_t a = 0; a < n_; ++a) {
            for (std::size_t b = 0; b < n_; ++b) {
                if (has(a, b) && keep(a, b)) all.add(a, b);
            }
        }
        return all;
    }

private:
    std::size_t n_;
    std::vector<bool> on_;
};

class Executions {
public:
    explicit Executions(const LitmusProgram& program) : program_(program), variables_(litmus_variables(program)) {
        for (const char variable : variables_) events_.push_back({true, variable, 0, {}, -1, 0});
        for (std::size_t task = 0; task < program.size(); ++task) {
            for (std::size_t place = 0; place < program[task].size(); ++place) {
                const LitmusInstruction& one = program[task][place];
                if (one.op != LitmusOp::store && one.op != LitmusOp::load) continue;
                events_.push_back(
                    {one.op == LitmusOp::store, one.variable, one.value, one.reg, static_cast<int>(task), place});
            }
        }
        source_.assign(events_.size(), 0);
    }

    std::set<std::string> allowed() {
        choose_source(0);
        return std::move(found_);
    }

private:
    using Order = std::vector<std::size_t>;

    /// rf: which store each load sees.
    void choose_source(std::size_t at) {
        while (at < events_.size() && events_[at].write) ++at;
        if (at == events_.size()) {
            std::vector<Order> orders;
            return choose_order(orders);
        }
        for (std::size_t store = 0; store < events_.size(); ++store) {
            if (!events_[store].write || events_[store].variable != events_[at].variable) continue;
            source_[at] = store;
            choose_source(at + 1);
        }
    }

    /// co: the order of each variable's stores. The initial one, of the lowest number, is first.
    void choose_order(std::vector<Order>& orders) {
        if (orders.size() == variables_.size()) return judge(orders);
        Order stores;
        for (std::size_t i = 0; i < events_.size(); ++i) {
            if (events_[i].write && events_[i].variable == variables_[orders.size()]) stores.push_back(i);
        }
        do {
            orders.push_back(stores);
            choose_order(orders);
            orders.pop_back();
        } while (std::next_permutation(stores.begin() + 1, stores.end()));
    }

    bool in_order(std::size_t a, std::size_t b) const {
        return events_[a].task >= 0 && events_[a].task == events_[b].task && events_[a].place < events_[b].place;
    }
    bool between(LitmusOp op, std::size_t a, std::size_t b) const {
        if (!in_order(a, b)) return false;
        const LitmusTask& task = program_[static_cast<std::size_t>(events_[a].task)];
        return std::any_of(task.begin() + static_cast<std::ptrdiff_t>(events_[a].place),
                           task.begin() + static_cast<std::ptrdiff_t>(events_[b].place),
                           [&](const LitmusInstruction& one) { return one.op == op; });
    }
    template <typename Holds>
    Pairs pairs(const Holds& holds) const {
        Pairs all(events_.size());
        for (std::size_t a = 0; a < events_.size(); ++a) {
            for (std::size_t b = 0; b < events_.size(); ++b) {
                if (holds(a, b)) all.add(a, b);
            }
        }
        return all;
    }

    /// The names are linux-kernel.cat's.
    void judge(const std::vector<Order>& orders) {
        const auto writes = [&](std::size_t a) { return events_[a].write; };
        const auto internal = [&](std::size_t a, std::size_t b) { return events_[a].task == events_[b].task; };
        const auto external = [&](std::size_t a, std::size_t b) { return !internal(a, b); };
        const Pairs rf = pairs([&](std::size_t a, std::size_t b) { return !writes(b) && source_[b] == a; });
        Pairs co(events_.size());
        for (const Order& order : orders) {
            for (std::size_t i = 0; i < order.size(); ++i) {
                for (std::size_t j = i + 1; j < order.size(); ++j) co.add(order[i], order[j]);
            }
        }
        const Pairs fr =
            pairs([&](std::size_t a, std::size_t b) { return !writes(a) && writes(b) && co.has(source_[a], b); });
        const Pairs po_loc = pairs(
            [&](std::size_t a, std::size_t b) { return in_order(a, b) && events_[a].variable == events_[b].variable; });
        if (!(po_loc | rf | co | fr).acyclic()) return;

        const Pairs strong_fence = pairs([&](std::size_t a, std::size_t b) { return between(LitmusOp::mb, a, b); });
        const Pairs wmb =
            pairs([&](std::size_t a, std::size_t b) { return writes(a) && writes(b) && between(LitmusOp::wmb, a, b); });
        const Pairs rmb = pairs(
            [&](std::size_t a, std::size_t b) { return !writes(a) && !writes(b) && between(LitmusOp::rmb, a, b); });
        const Pairs ctrl = pairs(
            [&](std::size_t a, std::size_t b) { return !writes(a) && writes(b) && between(LitmusOp::ctrl, a, b); });
        const Pairs overwrite = co | fr;
        const Pairs rfe = rf.where(external);
        const Pairs ppo = ctrl | overwrite.where(internal) | strong_fence | wmb | rmb;
        const Pairs cumul_fence = rfe.or_none().then(strong_fence) | wmb;
        const Pairs prop = overwrite.where(external).or_none().then(cumul_fence.repeated()).then(rfe.or_none());
        const Pairs back = prop.where([&](std::size_t a, std::size_t b) { return a != b && internal(a, b); });
        const Pairs hb = ppo | rfe | back;
        if (!hb.acyclic()) return;
        const Pairs pb = prop.then(strong_fence).then(hb.repeated());
        if (!pb.acyclic()) return;

        LitmusValues variables, registers;
        for (const Order& order : orders)
            variables.emplace_back(std::string(1, events_[order.front()].variable), events_[order.back()].value);
        for (std::size_t i = 0; i < events_.size(); ++i) {
            if (!writes(i)) registers.emplace_back(events_[i].reg, events_[source_[i]].value);
        }
        found_.insert(litmus_outcome(variables, registers));
    }

    const LitmusProgram& program_;
    const std::string variables_;
    std::vector<Event> events_;
    std::vector<std::size_t> source_;  ///< of each load
    std::set<std::string> found_;
};

constexpr std::pair<LitmusOp, const char*> kFences[] = {
    {LitmusOp::wmb, "wmb"}, {LitmusOp::rmb, "rmb"}, {LitmusOp::mb, "mb"}, {LitmusOp::ctrl, "ctrl"}};

}  // namespace

std::string litmus_outcome(const LitmusValues& variables, const LitmusValues& registers) {
    std::string text;
    for (const LitmusValues* list : {&variables, &registers}) {
        const std::map<std::string, unsigned> sorted(list->begin(), list->end());
        for (const auto& [name, value] : sorted) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
    }
    return text;
}

std::string litmus_variables(const LitmusProgram& program) {
    std::set<char> all;
    for (const LitmusTask& task : program) {
        for (const LitmusInstruction& one : task) {
            if (one.variable != 0) all.insert(one.variable);
        }
    }
    return {all.begin(), all.end()};
}

std::set<std::string> linux_outcomes(const LitmusProgram& program) { return Executions(program).allowed(); }

std::string litmus_text(const LitmusProgram& program) {
    std::string text;
    for (const LitmusTask& task : program) {
        if (!text.empty()) text += " || ";
        for (std::size_t i = 0; i < task.size(); ++i) {
            const LitmusInstruction& one = task[i];
            if (i != 0) text += "; ";
            if (one.op == LitmusOp::store) text += fmt::format("W {} {}", one.variable, one.value);
            if (one.op == LitmusOp::load) text += fmt::format("R {} {}", one.reg, one.variable);
            for (const auto& [op, name] : kFences) text += one.op == op ? name : "";
        }
    }
    return text;
}

LitmusProgram litmus_program(const std::string& text) {
    LitmusProgram program{{}};
    std::istringstream words(text);
    std::string word;
    while (words >> word) {
        if (word == "||") {
            program.emplace_back();
            continue;
        }
        LitmusInstruction one;
        if (word == "W") {
            one.op = LitmusOp::store;
            words >> one.variable >> one.value;
            words >> std::ws;
            if (words.peek() == ';') words.get();
        } else if (word == "R") {
            one.op = LitmusOp::load;
            words >> one.reg >> one.variable;
            words >> std::ws;
            if (words.peek() == ';') words.get();
        } else {
            if (word.back() == ';') word.pop_back();
            for (const auto& [op, name] : kFences) {
                if (word == name) one.op = op;
            }
        }
        program.back().push_back(std::move(one));
    }
    return program;
}

}  // namespace xlate::explore::tests
