#include "tests/explore/linux_memory.hpp"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <sstream>

#include <fmt/format.h>

namespace xlate::explore::tests {

namespace {

/// Of lock.cat: taking a lock is LKR, which reads, and LKW, which writes; UL writes.
enum class EventKind : std::uint8_t { store, load, lkr, lkw, ul };

struct Event {
    EventKind kind = EventKind::store;
    char variable = 0;
    unsigned value = 0;     ///< of a store
    std::string reg;        ///< of a load
    int task = -1;          ///< -1: the initial store
    std::size_t place = 0;  ///< in its task; LKW follows LKR at the same place

    bool writes() const { return kind != EventKind::load && kind != EventKind::lkr; }
};

/// A critical section, by its events.
struct Section {
    std::size_t lkr = 0, lkw = 0, ul = 0;
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
    explicit Executions(const LitmusProgram& program)
        : program_(program), variables_(litmus_variables(program)), locks_(litmus_locks(program)) {
        for (const char variable : variables_ + locks_) events_.push_back({EventKind::store, variable, 0, {}, -1, 0});
        sections_.resize(locks_.size());
        for (std::size_t task = 0; task < program.size(); ++task) {
            for (std::size_t place = 0; place < program[task].size(); ++place)
                add(program[task][place], static_cast<int>(task), place);
        }
        source_.assign(events_.size(), 0);
    }

    std::set<std::string> allowed() {
        choose_source(0);
        return std::move(found_);
    }

private:
    using Order = std::vector<std::size_t>;

    void add(const LitmusInstruction& one, int task, std::size_t place) {
        const auto event = [&](EventKind kind) {
            events_.push_back({kind, one.variable, one.value, one.reg, task, place});
            return events_.size() - 1;
        };
        if (one.op == LitmusOp::store) event(EventKind::store);
        if (one.op == LitmusOp::load) event(EventKind::load);
        if (one.op == LitmusOp::lock) {
            const std::size_t lkr = event(EventKind::lkr);
            sections_of(one.variable).push_back({lkr, event(EventKind::lkw), 0});
        }
        if (one.op == LitmusOp::unlock) sections_of(one.variable).back().ul = event(EventKind::ul);
    }
    std::vector<Section>& sections_of(char lock) { return sections_[locks_.find(lock)]; }

    /// rf: which store each load sees.
    void choose_source(std::size_t at) {
        while (at < events_.size() && events_[at].kind != EventKind::load) ++at;
        if (at == events_.size()) {
            std::vector<Order> orders;
            return choose_order(orders);
        }
        for (std::size_t store = 0; store < events_.size(); ++store) {
            if (!events_[store].writes() || events_[store].variable != events_[at].variable) continue;
            source_[at] = store;
            choose_source(at + 1);
        }
    }

    /// co: the order of each variable's stores, and of each lock's sections. The initial one, of the lowest number, is
    /// first.
    void choose_order(std::vector<Order>& orders) {
        if (orders.size() == variables_.size() + locks_.size()) return judge(orders);
        if (orders.size() >= variables_.size()) return choose_sections(orders);
        Order stores;
        for (std::size_t i = 0; i < events_.size(); ++i) {
            if (events_[i].writes() && events_[i].variable == variables_[orders.size()]) stores.push_back(i);
        }
        do {
            orders.push_back(stores);
            choose_order(orders);
            orders.pop_back();
        } while (std::next_permutation(stores.begin() + 1, stores.end()));
    }

    /// Each LKR sees the UL before it: that is what makes it a lock.
    void choose_sections(std::vector<Order>& orders) {
        const std::size_t lock = orders.size() - variables_.size();
        Order turns(sections_[lock].size());
        for (std::size_t i = 0; i < turns.size(); ++i) turns[i] = i;
        do {
            Order stores{orders.size()};  // the initial one
            for (const std::size_t turn : turns) {
                const Section& section = sections_[lock][turn];
                source_[section.lkr] = stores.back();
                stores.push_back(section.lkw);
                stores.push_back(section.ul);
            }
            orders.push_back(stores);
            choose_order(orders);
            orders.pop_back();
        } while (std::next_permutation(turns.begin(), turns.end()));
    }

    bool in_order(std::size_t a, std::size_t b) const {
        if (events_[a].task < 0 || events_[a].task != events_[b].task) return false;
        return events_[a].place != events_[b].place ? events_[a].place < events_[b].place : a < b;
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
        const auto writes = [&](std::size_t a) { return events_[a].writes(); };
        const auto is = [&](std::size_t a, EventKind kind) { return events_[a].kind == kind; };
        const auto internal = [&](std::size_t a, std::size_t b) { return events_[a].task == events_[b].task; };
        const auto external = [&](std::size_t a, std::size_t b) { return !internal(a, b); };
        const Pairs po = pairs([&](std::size_t a, std::size_t b) { return in_order(a, b); });
        const Pairs rf = pairs([&](std::size_t a, std::size_t b) { return !writes(b) && source_[b] == a; });
        Pairs co(events_.size());
        for (const Order& order : orders) {
            for (std::size_t i = 0; i < order.size(); ++i) {
                for (std::size_t j = i + 1; j < order.size(); ++j) co.add(order[i], order[j]);
            }
        }
        const Pairs fr =
            pairs([&](std::size_t a, std::size_t b) { return !writes(a) && writes(b) && co.has(source_[a], b); });
        const auto same_place = [&](std::size_t a, std::size_t b) {
            return events_[a].variable == events_[b].variable;
        };
        if (!(po.where(same_place) | rf | co | fr).acyclic()) return;

        const Pairs strong_fence = pairs([&](std::size_t a, std::size_t b) { return between(LitmusOp::mb, a, b); });
        const Pairs wmb =
            pairs([&](std::size_t a, std::size_t b) { return writes(a) && writes(b) && between(LitmusOp::wmb, a, b); });
        const Pairs rmb = pairs(
            [&](std::size_t a, std::size_t b) { return !writes(a) && !writes(b) && between(LitmusOp::rmb, a, b); });
        const Pairs ctrl = pairs([&](std::size_t a, std::size_t b) {
            return is(a, EventKind::load) && writes(b) && between(LitmusOp::ctrl, a, b);
        });
        const Pairs acq_po = po.where([&](std::size_t a, std::size_t) { return is(a, EventKind::lkr); });
        const Pairs po_rel = po.where([&](std::size_t, std::size_t b) { return is(b, EventKind::ul); });
        const Pairs unlock_lock = (po | rf).where(
            [&](std::size_t a, std::size_t b) { return is(a, EventKind::ul) && is(b, EventKind::lkr); });
        const Pairs po_unlock_lock_po = po.then(unlock_lock).then(po);
        const Pairs overwrite = co | fr;
        const Pairs rfe = rf.where(external);
        const Pairs ppo = ctrl | overwrite.where(internal) | strong_fence | wmb | rmb | acq_po | po_rel |
                          po_unlock_lock_po.where(internal);
        const Pairs cumul_fence = rfe.or_none().then(strong_fence | po_rel) | wmb | po_unlock_lock_po;
        const Pairs prop = overwrite.where(external).or_none().then(cumul_fence.repeated()).then(rfe.or_none());
        const Pairs back = prop.where([&](std::size_t a, std::size_t b) { return a != b && internal(a, b); });
        const Pairs hb = ppo | rfe | back;
        if (!hb.acyclic()) return;
        const Pairs pb = prop.then(strong_fence).then(hb.repeated());
        if (!pb.acyclic()) return;

        LitmusValues variables, registers;
        for (std::size_t i = 0; i < variables_.size(); ++i)
            variables.emplace_back(std::string(1, variables_[i]), events_[orders[i].back()].value);
        for (std::size_t i = 0; i < events_.size(); ++i) {
            if (is(i, EventKind::load)) registers.emplace_back(events_[i].reg, events_[source_[i]].value);
        }
        found_.insert(litmus_outcome(variables, registers));
    }

    const LitmusProgram& program_;
    const std::string variables_, locks_;
    std::vector<Event> events_;
    std::vector<std::vector<Section>> sections_;  ///< of each lock
    std::vector<std::size_t> source_;             ///< of each load and LKR
    std::set<std::string> found_;
};

std::string names_of(const LitmusProgram& program, std::initializer_list<LitmusOp> ops) {
    std::set<char> all;
    for (const LitmusTask& task : program) {
        for (const LitmusInstruction& one : task) {
            if (std::find(ops.begin(), ops.end(), one.op) != ops.end()) all.insert(one.variable);
        }
    }
    return {all.begin(), all.end()};
}

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
    return names_of(program, {LitmusOp::store, LitmusOp::load});
}
std::string litmus_locks(const LitmusProgram& program) { return names_of(program, {LitmusOp::lock}); }

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
            if (one.op == LitmusOp::lock) text += fmt::format("L {}", one.variable);
            if (one.op == LitmusOp::unlock) text += fmt::format("U {}", one.variable);
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
        const std::string bare = word.substr(0, word.find(';'));
        for (const auto& [op, name] : kFences) {
            if (bare == name) one.op = op;
        }
        if (bare == "W") one.op = LitmusOp::store;
        if (bare == "R") one.op = LitmusOp::load;
        if (bare == "L") one.op = LitmusOp::lock;
        if (bare == "U") one.op = LitmusOp::unlock;
        if (one.op == LitmusOp::load) words >> one.reg;
        if (bare.size() == 1) words >> one.variable;
        if (one.op == LitmusOp::store) words >> one.value;
        words >> std::ws;
        if (words.peek() == ';') words.get();
        program.back().push_back(std::move(one));
    }
    return program;
}

}  // namespace xlate::explore::tests
