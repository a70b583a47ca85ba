// Dynamic partial order reduction: source sets and sleep sets. Every Mazurkiewicz trace of the program is run to its
// end exactly once; runs that turn out to repeat another trace are abandoned half way and not counted.
// Method: Abdulla, Aronis, Jonsson, Sagonas, "Optimal dynamic partial order reduction" (POPL 2014), algorithm 1.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "explore/execution.hpp"

namespace xlate::explore {

/// The search of one program; call run() for as long as next() says there is something left.
/// Bounds: kMaxTasks tasks (a program with more is an InternalError).
class Dpor : public Director {
public:
    static constexpr std::size_t kMaxTasks = 32;
    /// `reduce` = false: plain depth-first search over all schedules of visible points, for comparison.
    /// `prefix`: only schedules that begin with these choices.
    explicit Dpor(bool reduce = true, std::vector<TaskId> prefix = {}) : reduce_(reduce), prefix_(std::move(prefix)) {
        hears_steps = true;
    }

    /// Prepares the next run; false: the search space is closed.
    bool next();
    /// After Execution::run: notes how it ended.
    void finished(const RunView& result);

    std::uint64_t traces() const { return traces_; }
    std::uint64_t abandoned() const { return abandoned_; }
    /// Traces in all, as far as the tree is known (Knuth's estimate over the leaves so far).
    double estimate() const { return weight_ > 0 ? static_cast<double>(traces_) / weight_ : 0; }

    void begin(Execution&) override;
    Task* choose(Execution& execution) override;
    void stepped(Execution& execution, const Step& step) override;
    void ended(Execution& execution) override;

private:
    using Clock = std::array<std::uint16_t, kMaxTasks>;  ///< of each task, the last step seen (+1)
    using TaskSet = std::uint32_t;

    struct Sleeper {
        TaskId task;
        std::vector<Access> accesses;
    };
    struct Node {
        TaskSet enabled = 0;
        TaskSet backtrack = 0;
        TaskSet done = 0;
        TaskSet sleeping = 0;
        TaskId chosen = 0;
        std::vector<Sleeper> sleep;
    };
    struct Event {
        TaskId task = 0;
        Clock clock{};
        std::vector<Access> accesses;
    };
    struct Logged {
        std::uint32_t event;
        Access access;
    };

    /// Fills in the clock of `event`, which would be number events_.size(); returns the earlier steps that race with
    /// it.
    std::vector<std::uint32_t> order(const Execution& execution, Event& event) const;
    void race(std::size_t earlier, const Event& later);
    void truncate(std::size_t depth);
    static bool dependent(const std::vector<Access>& a, const std::vector<Access>& b);

    const bool reduce_;
    const std::vector<TaskId> prefix_;
    bool started_ = false;
    std::size_t replay_ = 0;  ///< nodes of the prefix that is only repeated
    std::vector<Node> nodes_;
    std::vector<Event> events_;
    std::array<std::uint32_t, kMaxTasks> last_event_{};      ///< +1
    std::unordered_map<Resource, std::vector<Logged>> log_;  ///< by object; never iterated
    std::vector<Resource> log_order_;                        ///< object of each log entry, to take them back
    std::vector<std::size_t> log_begin_;                     ///< of each event, into log_order_
    std::uint64_t traces_ = 0;
    std::uint64_t abandoned_ = 0;
    double weight_ = 0;
};

}  // namespace xlate::explore
