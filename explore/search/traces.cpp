// Every trace, by as many workers as there are: one search in one order, of which others run parts ahead of their turn.
// What comes out is what one worker alone finds, in that order.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "explore/search/dpor.hpp"
#include "explore/search/search.hpp"

namespace xlate::explore {

namespace {

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
constexpr std::uint64_t kAloneRuns = 256;  // a search that ends sooner is not worth a thread
constexpr unsigned kMostNested = 16;       // parts that a worker runs while it waits in another
constexpr std::uint64_t kLastProbe = 4;    // estimates count after 1, 2 and 4 times the probe
constexpr std::chrono::milliseconds kLook{20};

/// On its way from who gives it away to who joins it.
struct Part {
    Subtree subtree;
    std::uint64_t most_runs = kNoLimit;  ///< more would not fit into the budget, whatever comes before
    std::atomic<bool> unwanted{false};   ///< nobody will join it
    bool over = false;                   ///< of the pool
    // Once it is over:
    SubtreeEnd end;
    std::uint64_t steps = 0;
    bool cut = false;  ///< not run to its end
    Findings findings;
    std::exception_ptr failure;
};
using PartPtr = std::shared_ptr<Part>;

/// Parts that nobody has begun, and who waits for work.
class Pool {
public:
    /// Somebody has nothing to do, and nothing lies here.
    bool hungry() const { return idle_ > lying_; }
    bool closed() const { return closed_; }

    void give(const PartPtr& part) {
        change([&] {
            queue_.push_back(part);
            ++lying_;
        });
    }
    /// False: somebody has begun it.
    bool take_back(const PartPtr& part) {
        const std::lock_guard<std::mutex> guard(mutex_);
        const auto found = std::find(queue_.begin(), queue_.end(), part);
        if (found == queue_.end()) return false;
        queue_.erase(found);
        --lying_;
        return true;
    }
    void over(Part& part) {
        change([&] { part.over = true; });
    }
    bool is_over(const Part& part) {
        const std::lock_guard<std::mutex> guard(mutex_);
        return part.over;
    }
    /// Everybody stops.
    void close() {
        change([&] { closed_ = true; });
    }
    /// Waits for something to do. Null: `wanted` is over, or the pool is closed, or (`looks`) some time has passed.
    PartPtr take(const Part* wanted, bool helps, bool looks) {
        std::unique_lock<std::mutex> guard(mutex_);
        const auto stops = [&] { return closed_ || (wanted != nullptr && wanted->over); };
        const auto settled = [&] { return stops() || (helps && !queue_.empty()); };
        if (!settled()) {
            if (helps) ++idle_;
            if (looks) {
                changed_.wait_for(guard, kLook, settled);
            } else {
                changed_.wait(guard, settled);
            }
            if (helps) --idle_;
        }
        if (stops() || !helps || queue_.empty()) return nullptr;
        PartPtr part = std::move(queue_.front());
        queue_.pop_front();
        --lying_;
        return part;
    }

private:
    template <class F>
    void change(F what) {
        {
            const std::lock_guard<std::mutex> guard(mutex_);
            what();
        }
        changed_.notify_all();
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<PartPtr> queue_;
    std::atomic<unsigned> idle_{0};
    std::atomic<unsigned> lying_{0};
    std::atomic<bool> closed_{false};
};

/// A thread: its executions, one for each part that it is in the middle of.
struct Worker {
    bool leads = false;  ///< runs the search itself: it tells of progress
    unsigned nested = 0;
    std::vector<std::unique_ptr<Execution>> idle;
};

/// The whole search or a part of it, while a worker runs it.
struct Job {
    Dpor& dpor;
    Execution& execution;
    Findings& findings;
    std::uint64_t first;      ///< schedules before its first, for the findings
    std::uint64_t most_runs;  ///< then it is cut
    const std::atomic<bool>* unwanted = nullptr;
    std::uint64_t steps = 0;
    bool shares = false;  ///< gives parts away
    std::map<std::size_t, PartPtr> given{};
};

class TraceSearch {
public:
    TraceSearch(const SearchSetup& setup, bool reduce, std::uint64_t budget, std::uint64_t probe)
        : setup_(setup), reduce_(reduce), budget_(budget), probe_(budget != 0 ? probe : 0), dpor_(reduce) {}

    SearchEnd run(Findings& findings) {
        const Ending ending{*this};
        Execution execution(setup_.program, plain_options(setup_.options));
        Job job{dpor_, execution, findings, setup_.first, budget_ != 0 ? budget_ : kNoLimit};
        whole_ = &job;
        leader_.leads = true;
        SearchEnd end;
        end.closed = explore(leader_, job);
        end.steps = job.steps;
        end.traces = end.schedules = dpor_.traces();
        return end;
    }

private:
    /// However the search ends, so do all who work for it.
    struct Ending {
        TraceSearch& search;
        ~Ending() {
            search.pool_.close();
            for (std::thread& thread : search.threads_) thread.join();
        }
    };
    enum class Joined : std::uint8_t { yes, no, stopped };

    bool stopped(const Job& job) const {
        return pool_.closed() || setup_.limits.stopped() || (job.unwanted != nullptr && *job.unwanted);
    }

    /// True: closed. False: it was cut.
    bool explore(Worker& worker, Job& job) {
        const bool closed = explore_until(worker, job);
        for (const auto& [depth, part] : job.given) {
            part->unwanted = true;
            pool_.take_back(part);
        }
        return closed;
    }

    bool explore_until(Worker& worker, Job& job) {
        for (;;) {
            const Dpor::Next next = job.dpor.next();
            if (next == Dpor::Next::closed) return true;
            if (job.dpor.runs() >= job.most_runs || stopped(job)) return false;
            if (next == Dpor::Next::join) {
                const Joined joined = join(worker, job);
                if (joined == Joined::stopped) return false;
                if (joined == Joined::no) job.dpor.take_back();
                continue;
            }
            const RunView result = job.execution.play(job.dpor);
            job.dpor.finished(result);
            job.steps += result.steps;
            ++runs_;
            if (result.end != RunEnd::abandoned)
                job.findings.add(result, setup_.judge, job.execution.choices(), job.first + job.dpor.traces());
            if (worker.leads && !tick()) return false;
            if (&job == whole_ && !goes_on(job)) return false;
            if (job.shares && pool_.hungry()) give_away(job);
        }
    }

    bool tick() {
        return setup_.limits.tick("traces", setup_.first + runs_, static_cast<std::uint64_t>(dpor_.estimate()),
                                  whole_->findings.bug_count());
    }

    /// Of the whole search, after each run of its own: false if it is given up.
    bool goes_on(Job& job) {
        if (setup_.options.stop_at_first && job.findings.has_serious_bug()) return false;
        if (job.shares) return true;
        const std::uint64_t runs = dpor_.runs();
        const bool asks = probe_ != 0 && (runs == probe_ || runs == 2 * probe_ || runs == kLastProbe * probe_);
        if (asks && dpor_.estimate() *
                            (1.0 + static_cast<double>(dpor_.abandoned()) / static_cast<double>(dpor_.traces() + 1)) >
                        4.0 * static_cast<double>(budget_)) {
            return false;
        }
        if (setup_.options.jobs > 1 && !setup_.options.stop_at_first && threads_.empty() &&
            runs >= std::max(kAloneRuns, kLastProbe * probe_)) {
            job.shares = true;
            for (unsigned i = 1; i < setup_.options.jobs; ++i) threads_.emplace_back([this] { work(); });
        }
        return true;
    }

    void give_away(Job& job) {
        auto subtree = job.dpor.give_away();
        if (!subtree) return;
        const auto part = std::make_shared<Part>();
        part->subtree = std::move(*subtree);
        if (job.most_runs != kNoLimit) part->most_runs = job.most_runs - job.dpor.runs();
        job.given[job.dpor.depth()] = part;
        pool_.give(part);
    }

    /// Its turn has come. While somebody is at it, there may be other things to do.
    Joined join(Worker& worker, Job& job) {
        const auto given = job.given.find(job.dpor.depth());
        const PartPtr part = given->second;
        job.given.erase(given);
        if (pool_.take_back(part)) return Joined::no;
        while (!pool_.is_over(*part)) {
            if (const PartPtr other = pool_.take(part.get(), worker.nested < kMostNested, worker.leads)) {
                run_part(worker, *other);
            } else if (worker.leads) {
                tick();
            }
            if (!stopped(job)) continue;
            part->unwanted = true;
            return Joined::stopped;
        }
        if (part->failure) std::rethrow_exception(part->failure);
        if (part->cut || job.dpor.runs() + part->end.traces + part->end.abandoned > job.most_runs) {
            // The budget ends in it: step by step from here.
            job.shares = false;
            return Joined::no;
        }
        job.findings.merge(part->findings, job.first + job.dpor.traces());
        job.steps += part->steps;
        job.dpor.join(part->end);
        return Joined::yes;
    }

    void run_part(Worker& worker, Part& part) {
        ++worker.nested;
        try {
            std::unique_ptr<Execution> execution;
            if (worker.idle.empty()) {
                execution = std::make_unique<Execution>(setup_.program, plain_options(setup_.options));
            } else {
                execution = std::move(worker.idle.back());
                worker.idle.pop_back();
                execution->forget_races();
            }
            Dpor dpor(reduce_, part.subtree);
            Job job{dpor, *execution, part.findings, 0, part.most_runs, &part.unwanted};
            job.shares = true;
            part.cut = !explore(worker, job);
            part.steps = job.steps;
            part.end = dpor.end();
            worker.idle.push_back(std::move(execution));
        } catch (...) {
            part.failure = std::current_exception();
        }
        --worker.nested;
        pool_.over(part);
    }

    /// A thread that has no search of its own.
    void work() {
        Worker worker;
        while (!pool_.closed()) {
            if (const PartPtr part = pool_.take(nullptr, true, false)) run_part(worker, *part);
        }
    }

    const SearchSetup& setup_;
    const bool reduce_;
    const std::uint64_t budget_;
    const std::uint64_t probe_;
    Dpor dpor_;
    Job* whole_ = nullptr;
    Worker leader_;
    Pool pool_;
    std::vector<std::thread> threads_;
    std::atomic<std::uint64_t> runs_{0};
};

}  // namespace

SearchEnd search_traces(const SearchSetup& setup, bool reduce, std::uint64_t budget, std::uint64_t probe,
                        Findings& findings) {
    return TraceSearch(setup, reduce, budget, probe).run(findings);
}

}  // namespace xlate::explore
