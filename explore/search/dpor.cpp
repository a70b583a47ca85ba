#include "explore/search/dpor.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace xlate::explore {

namespace {

std::uint32_t bit(TaskId task) { return std::uint32_t{1} << task; }

}  // namespace

void Dpor::Node::ask(TaskSet tasks) {
    for (TaskSet news = tasks & ~backtrack; news != 0; news &= news - 1) {
        std::uint8_t task = 0;
        while ((news & bit(task)) == 0) ++task;
        order[asked++] = task;
    }
    backtrack |= tasks;
}

void Dpor::Node::sleeps(TaskId task, const std::vector<Access>& accesses) {
    if ((sleeping & bit(task)) != 0) return;
    sleep.push_back({task, accesses});
    sleeping |= bit(task);
}

std::optional<TaskId> Dpor::following(const Node& node) const {
    const TaskSet over = node.done | bit(node.chosen) | (reduce_ ? node.sleeping : 0);
    for (std::size_t i = 0; i < node.asked; ++i) {
        if ((over & bit(node.order[i])) == 0) return node.order[i];
    }
    return std::nullopt;
}

void Dpor::begin(Execution&) {}

Dpor::Next Dpor::next() {
    if (!started_) {
        started_ = true;
        return Next::run;
    }
    // The deepest node with a choice left. What was run from it sleeps from now on.
    while (!nodes_.empty()) {
        Node& node = nodes_.back();
        const std::size_t depth = nodes_.size() - 1;
        if (reduce_ && events_.size() > depth) node.sleeps(node.chosen, events_[depth].accesses);
        node.done |= bit(node.chosen);
        truncate(depth);
        if (const auto task = following(node)) {
            if (node.given) {
                given_at_ = depth;
                return Next::join;
            }
            node.chosen = *task;
            replay_ = nodes_.size();
            return Next::run;
        }
        nodes_.pop_back();
    }
    return Next::closed;
}

std::optional<Subtree> Dpor::give_away() {
    for (std::size_t depth = prefix_.size(); depth < nodes_.size() && depth < events_.size(); ++depth) {
        Node& node = nodes_[depth];
        const auto task = node.given ? std::nullopt : following(node);
        if (!task) continue;
        Subtree part;
        for (std::size_t i = 0; i < depth; ++i) part.prefix.push_back(nodes_[i].chosen);
        part.prefix.push_back(*task);
        if (reduce_) {
            part.sleep = node.sleep;
            if ((node.sleeping & bit(node.chosen)) == 0) part.sleep.push_back({node.chosen, events_[depth].accesses});
        }
        for (std::size_t i = 0; i <= depth; ++i) {
            part.covered.push_back(nodes_[i].backtrack | nodes_[i].sleeping);
            if (part_ && i < part_->covered.size()) part.covered.back() |= part_->covered[i];
        }
        node.given = true;
        given_at_ = depth;
        return part;
    }
    return std::nullopt;
}

void Dpor::take_back() { nodes_.back().given = false; }

/// As if it had been run now.
void Dpor::join(const SubtreeEnd& end) {
    Node& node = nodes_.back();
    node.given = false;
    double weight = end.weight;
    for (const Node& above : nodes_) weight /= above.asked;
    for (const SubtreeEnd::Request& what : end.requests) request(what);
    traces_ += end.traces;
    abandoned_ += end.abandoned;
    weight_ += weight;
    const auto task = following(node);
    XLATE_CHECK(task, "what was given away is done already");
    node.chosen = *task;
    node.done |= bit(*task);
    if (reduce_ && end.first) node.sleeps(*task, end.first->accesses);
}

SubtreeEnd Dpor::end() const {
    SubtreeEnd end;
    end.requests = requests_;
    end.first = first_;
    end.traces = traces_;
    end.abandoned = abandoned_;
    end.weight = weight_;
    return end;
}

void Dpor::finished(const RunView& result) {
    if (result.end == RunEnd::abandoned) {
        ++abandoned_;
        return;
    }
    ++traces_;
    double weight = 1;
    for (const Node& node : nodes_) weight /= node.asked;
    weight_ += weight;
}

Task* Dpor::choose(Execution& execution) {
    const std::size_t depth = execution.step_count();
    if (depth < replay_) return &execution.task(nodes_[depth].chosen);
    XLATE_CHECK(depth == nodes_.size(), "a schedule did not repeat");
    const auto& enabled = execution.enabled();
    Node node;
    for (const Task* task : enabled) {
        XLATE_CHECK(task->id < kMaxTasks, "more tasks than a search can hold");
        node.enabled |= bit(task->id);
    }
    const bool above = depth < prefix_.size();
    if (part_ && depth + 1 == prefix_.size()) {
        for (const Sleeper& sleeper : part_->sleep) node.sleeps(sleeper.task, sleeper.accesses);
    } else if (reduce_ && depth > 0) {
        const std::vector<Access>& before = events_[depth - 1].accesses;
        for (const Sleeper& sleeper : nodes_[depth - 1].sleep) {
            if (sleeper.task == events_[depth - 1].task || dependent(sleeper.accesses, before)) continue;
            node.sleeps(sleeper.task, sleeper.accesses);
        }
    }
    Task* chosen = above ? &execution.task(prefix_[depth]) : execution.default_choice();
    if ((node.sleeping & bit(chosen->id)) != 0) {
        chosen = nullptr;
        for (Task* task : enabled) {
            if ((node.sleeping & bit(task->id)) == 0) {
                chosen = task;
                break;
            }
        }
        if (chosen == nullptr) return nullptr;  // whatever comes now was run elsewhere
    }
    node.chosen = chosen->id;
    node.ask(bit(chosen->id));
    if (!reduce_ && !above) node.ask(node.enabled);
    nodes_.push_back(std::move(node));
    return chosen;
}

void Dpor::stepped(Execution& execution, const Step& step) {
    const std::size_t index = execution.step_count() - 1;
    const Access* const accesses = execution.accesses().data() + step.first_access;
    if (index + 1 < replay_) {
        XLATE_CHECK(events_[index].task == step.task && events_[index].accesses.size() == step.access_count,
                    "a schedule did not repeat");
        return;
    }
    Event event;
    event.task = step.task;
    event.accesses.assign(accesses, accesses + step.access_count);

    order(execution, event);
    XLATE_CHECK(index + 1 < 0xFFFF, "a run is too long for a search");
    event.clock[step.task] = static_cast<std::uint16_t>(index + 1);
    if (reduce_) {
        for (const std::uint32_t earlier : races_) race(earlier, event);
    }

    log_begin_.push_back(log_order_.size());
    for (const Access& access : event.accesses) {
        log_[kernel::object_of(access.resource)].push_back({static_cast<std::uint32_t>(index), access});
        log_order_.push_back(kernel::object_of(access.resource));
    }
    last_event_[step.task] = static_cast<std::uint32_t>(index + 1);
    if (part_ && index + 1 == prefix_.size()) first_ = Sleeper{event.task, event.accesses};
    events_.push_back(std::move(event));
}

/// Who still waits lost to somebody: had it come first, things would have gone on otherwise.
void Dpor::ended(Execution& execution) {
    if (!reduce_) return;
    for (const Task* task : execution.alive()) {
        if (!task->alive() || task->waits_for == nullptr || task->pending.resource == 0) continue;
        Event event;
        event.task = task->id;
        event.accesses = {{task->pending.kind, true, task->pending.resource}};
        order(execution, event);
        for (const std::uint32_t earlier : races_) race(earlier, event);
    }
}

void Dpor::order(const Execution& execution, Event& event) {
    races_.clear();
    // Before it: what its task did last, and what made the task ready.
    const auto join = [&](const Event& other) {
        for (std::size_t i = 0; i < kMaxTasks; ++i) event.clock[i] = std::max(event.clock[i], other.clock[i]);
    };
    const auto seen = [&](std::size_t earlier) { return event.clock[events_[earlier].task] >= earlier + 1; };
    if (last_event_[event.task] != 0) join(events_[last_event_[event.task] - 1]);
    if (const std::size_t maker = execution.made_ready_by(event.task); maker != 0) join(events_[maker - 1]);

    // Conflicts with earlier steps, latest first: a race unless something in between orders the two already.
    // A guarded access (a lock) is by itself: what its guard orders is no race for the rest of the step.
    const std::size_t guarded = !event.accesses.empty() && event.accesses.front().guarded ? 1 : 0;
    for (const auto& [begin, end] : {std::pair{std::size_t{0}, guarded}, std::pair{guarded, event.accesses.size()}}) {
        if (begin == end) continue;
        racing_.clear();
        ordering_.clear();
        for (std::size_t i = begin; i < end; ++i) {
            const Access& access = event.accesses[i];
            const auto found = log_.find(kernel::object_of(access.resource));
            if (found == log_.end()) continue;
            TaskSet have = 0;
            for (auto entry = found->second.rbegin(); entry != found->second.rend(); ++entry) {
                const TaskId other = events_[entry->event].task;
                if (other == event.task) continue;
                const Relation between = relation(entry->access, access);
                if (between == Relation::order) ordering_.push_back(entry->event);
                if (between != Relation::race || (have & bit(other)) != 0) continue;
                racing_.push_back(entry->event);
                have |= bit(other);
            }
        }
        std::sort(racing_.begin(), racing_.end(), std::greater<>());
        racing_.erase(std::unique(racing_.begin(), racing_.end()), racing_.end());
        for (const std::uint32_t earlier : racing_) {
            if (seen(earlier)) continue;
            races_.push_back(earlier);
            join(events_[earlier]);
        }
        for (const std::uint32_t earlier : ordering_) join(events_[earlier]);
    }
}

/// The two steps could have come the other way round: somebody has to try that from the state before `earlier`.
void Dpor::race(std::size_t earlier, const Event& later) {
    if (earlier < prefix_.size() && !part_) return;
    const TaskId racer = events_[earlier].task;
    std::array<std::uint32_t, kMaxTasks> first{};  // of each task, the first step of the reversed sequence (+1)
    TaskSet initials = 0;
    for (std::size_t k = earlier + 1; k <= events_.size(); ++k) {
        const bool last = k == events_.size();
        const Event& event = last ? later : events_[k];
        if (!last && event.clock[racer] >= earlier + 1) continue;  // comes after `earlier`: not without it
        if (first[event.task] != 0) continue;
        bool initial = true;
        for (std::size_t task = 0; task < kMaxTasks; ++task) {
            if (first[task] != 0 && event.clock[task] >= first[task]) initial = false;
        }
        first[event.task] = static_cast<std::uint32_t>(k + 1);
        if (initial) initials |= bit(event.task);
    }
    request({static_cast<std::uint32_t>(earlier), initials, later.task});
}

void Dpor::request(const SubtreeEnd::Request& what) {
    if (what.depth < prefix_.size()) {
        if ((what.initials & part_->covered[what.depth]) == 0 && requested_.insert(what).second)
            requests_.push_back(what);
        return;
    }
    Node& node = nodes_[what.depth];
    if ((what.initials & (node.backtrack | node.sleeping)) != 0) return;
    const TaskSet possible = what.initials & node.enabled;
    if (possible == 0) {
        node.ask(node.enabled);
        return;
    }
    node.ask((possible & bit(what.wanted)) != 0 ? bit(what.wanted) : possible & (~possible + 1));
}

bool Dpor::dependent(const std::vector<Access>& a, const std::vector<Access>& b) {
    for (const Access& one : a) {
        for (const Access& other : b) {
            if (relation(one, other) != Relation::none || relation(other, one) != Relation::none) return true;
        }
    }
    return false;
}

/// Back to the state before step `depth`.
void Dpor::truncate(std::size_t depth) {
    while (events_.size() > depth) {
        const std::size_t index = events_.size() - 1;
        for (std::size_t i = log_begin_[index]; i < log_order_.size(); ++i) log_[log_order_[i]].pop_back();
        log_order_.resize(log_begin_[index]);
        log_begin_.pop_back();
        const TaskId task = events_[index].task;
        events_.pop_back();
        std::uint32_t last = 0;
        for (std::size_t i = events_.size(); i-- > 0;) {
            if (events_[i].task == task) {
                last = static_cast<std::uint32_t>(i + 1);
                break;
            }
        }
        last_event_[task] = last;
    }
}

}  // namespace xlate::explore
