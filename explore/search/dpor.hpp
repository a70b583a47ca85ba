// Dynamic partial order reduction: source sets and sleep sets. Every Mazurkiewicz trace of the program is run to its
// end exactly once; runs that turn out to repeat another trace are abandoned half way and not counted.
// Method: Abdulla, Aronis, Jonsson, Sagonas, "Optimal dynamic partial order reduction" (POPL 2014), algorithm 1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "explore/machine/execution.hpp"

namespace xlate::explore {

/// A part of a search that somebody else can run, ahead of its turn: what lies below one choice. It depends on nothing
/// but what is here; what it adds to choices above is kept until its turn comes (SubtreeEnd::requests).
struct Subtree {
    struct Sleeper {
        TaskId task;
        std::vector<Access> accesses;
    };
    std::vector<TaskId> prefix;          ///< choices; the last one leads into it
    std::vector<Sleeper> sleep;          ///< in the state before the last choice
    std::vector<std::uint32_t> covered;  ///< of each choice, what need not be asked for: it is there already
};

/// What a subtree came to.
struct SubtreeEnd {
    /// Before step `depth`, one of `initials` has to be tried, best of all `wanted`.
    struct Request {
        std::uint32_t depth = 0;
        std::uint32_t initials = 0;
        TaskId wanted = 0;
        bool operator<(const Request& other) const {
            return std::tie(depth, initials, wanted) < std::tie(other.depth, other.initials, other.wanted);
        }
    };
    std::vector<Request> requests;          ///< in the order in which they were made
    std::optional<Subtree::Sleeper> first;  ///< its first step, which sleeps from then on
    std::uint64_t traces = 0;
    std::uint64_t abandoned = 0;
    double weight = 0;
};

/// The search of one program; run for as long as next() says there is something left.
/// Choices of a node are taken in the order in which they were asked for: the next one is known while the one before is
/// still under way, and can be given away.
/// Bounds: kMaxTasks tasks (a program with more is an InternalError).
class Dpor : public Director {
public:
    static constexpr std::size_t kMaxTasks = 32;
    /// `reduce` = false: plain depth-first search over all schedules of visible points, for comparison.
    /// `prefix`: only schedules that begin with these choices.
    explicit Dpor(bool reduce = true, std::vector<TaskId> prefix = {}) : reduce_(reduce), prefix_(std::move(prefix)) {
        hears_steps = true;
    }
    Dpor(bool reduce, const Subtree& part) : Dpor(reduce, part.prefix) { part_ = part; }

    enum class Next : std::uint8_t {
        closed,  ///< nothing is left
        run,     ///< another run is prepared
        join,    ///< it is the turn of what was given away at depth(): join() or take_back(), then ask again
    };
    Next next();
    /// After Execution::run: notes how it ended.
    void finished(const RunView& result);

    /// Between finished() and next(): what comes later at a choice of the last run, as early a choice as there is.
    std::optional<Subtree> give_away();
    /// The choice of the last give_away(), or of the join that is due.
    std::size_t depth() const { return given_at_; }
    void join(const SubtreeEnd& end);
    void take_back();
    /// Of a search that was made of a Subtree, when it is closed.
    SubtreeEnd end() const;

    bool reduces() const { return reduce_; }
    std::uint64_t runs() const { return traces_ + abandoned_; }
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

    using Sleeper = Subtree::Sleeper;
    struct Node {
        TaskSet enabled = 0;
        TaskSet backtrack = 0;
        TaskSet done = 0;
        TaskSet sleeping = 0;
        TaskId chosen = 0;
        std::array<std::uint8_t, kMaxTasks> order{};  ///< of the tasks in `backtrack`: as they were asked for
        std::uint8_t asked = 0;                       ///< how many
        bool given = false;                           ///< the next choice runs elsewhere
        std::vector<Sleeper> sleep;

        void ask(TaskSet tasks);
        void sleeps(TaskId task, const std::vector<Access>& accesses);
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

    /// Fills in the clock of `event`, which would be number events_.size(), and in `races_` the earlier steps that race
    /// with it.
    void order(const Execution& execution, Event& event);
    void race(std::size_t earlier, const Event& later);
    void request(const SubtreeEnd::Request& what);
    /// The next choice at a node, whatever is under way now done.
    std::optional<TaskId> following(const Node& node) const;
    void truncate(std::size_t depth);
    static bool dependent(const std::vector<Access>& a, const std::vector<Access>& b);

    const bool reduce_;
    const std::vector<TaskId> prefix_;
    std::optional<Subtree> part_;
    std::size_t given_at_ = 0;
    std::vector<SubtreeEnd::Request> requests_;  ///< to those above part_
    std::set<SubtreeEnd::Request> requested_;
    std::optional<Sleeper> first_;
    bool started_ = false;
    std::size_t replay_ = 0;  ///< nodes of the prefix that is only repeated
    std::vector<Node> nodes_;
    std::vector<Event> events_;
    std::array<std::uint32_t, kMaxTasks> last_event_{};      ///< +1
    std::unordered_map<Resource, std::vector<Logged>> log_;  ///< by object; never iterated
    std::vector<Resource> log_order_;                        ///< object of each log entry, to take them back
    std::vector<std::size_t> log_begin_;                     ///< of each event, into log_order_
    std::vector<std::uint32_t> races_;  ///< of the last order(); it and the next two keep their room from step to step
    std::vector<std::uint32_t> racing_;
    std::vector<std::uint32_t> ordering_;
    std::uint64_t traces_ = 0;
    std::uint64_t abandoned_ = 0;
    double weight_ = 0;
};

}  // namespace xlate::explore
