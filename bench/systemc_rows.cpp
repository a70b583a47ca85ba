// Rows for what SystemC itself costs: timed events, threads, and a bare 4-phase TLM-2.0 loop without an IOMMU.
#include <systemc>

#include <memory>

#include "bench/at_loop.hpp"
#include "bench/row.hpp"

namespace xlate::bench {
namespace {

/// Methods that each wake themselves again and again; so many notifications are pending at any time.
class Timers : public sc_core::sc_module {
public:
    Timers(const sc_core::sc_module_name& name, unsigned pending, std::uint64_t events)
        : sc_core::sc_module(name), left_(events), pending_(pending), wake_(pending) {
        for (unsigned i = 0; i < pending; ++i) {
            sc_core::sc_spawn_options options;
            options.spawn_method();
            options.dont_initialize();
            options.set_sensitivity(&wake_[i]);
            sc_core::sc_spawn([this, i] { fire(i); }, sc_core::sc_gen_unique_name("timer"), &options);
            wake_[i].notify(sc_core::sc_time(1.0 + i % 97, sc_core::SC_NS));
        }
    }
    std::uint64_t fired() const { return fired_; }

private:
    void fire(unsigned i) {
        ++fired_;
        if (fired_ + pending_ > left_) return;
        wake_[i].notify(sc_core::sc_time::from_value(1000 * (1 + (fired_ * 7 + i) % 97)));  // 1..97 ns in ps
    }
    std::uint64_t left_;
    std::uint64_t fired_ = 0;
    unsigned pending_;
    std::vector<sc_core::sc_event> wake_;
};

Measured timed_events(unsigned pending, std::uint64_t events) {
    Timers timers{"timers", pending, events};
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    const double start = cpu_seconds();
    sc_core::sc_start();
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = timers.fired();
    measured.checksum = sc_core::sc_time_stamp().value();
    return measured;
}

Measured thread_waits(std::uint64_t waits) {
    std::uint64_t done = 0;
    sc_core::sc_spawn(
        [&] {
            while (done < waits) {
                sc_core::wait(sc_core::sc_time::from_value(1000));
                ++done;
            }
        },
        "sleeper");
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    const double start = cpu_seconds();
    sc_core::sc_start();
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = done;
    measured.checksum = sc_core::sc_time_stamp().value();
    return measured;
}

Measured at_loop(unsigned outstanding, bool queued, std::uint64_t transactions) {
    AtLoop loop{"at_loop", outstanding, queued, transactions};
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    const double start = cpu_seconds();
    sc_core::sc_start();
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = loop.completed();
    measured.checksum = sc_core::sc_time_stamp().value();
    return measured;
}

}  // namespace

void add_systemc_rows(std::vector<Row>& rows) {
    for (const unsigned pending : {1U, 64U, 1024U}) {
        rows.push_back({"systemc/timed_event/" + std::to_string(pending), "event",
                        "An SC_METHOD woken by a timed notification, so many pending.", 2'000'000,
                        [pending](std::uint64_t count) { return timed_events(pending, count); }});
    }
    rows.push_back({"systemc/thread_wait", "wait", "One SC_THREAD in wait(t).", 2'000'000, thread_waits});
    rows.push_back({"systemc/at_loop", "transaction",
                    "TLM-2.0 AT, four phases: initiator with 16 outstanding, router that passes on, target; no IOMMU.",
                    500'000, [](std::uint64_t count) { return at_loop(16, false, count); }});
    rows.push_back({"systemc/at_loop/queued", "transaction",
                    "The same with a router that queues each phase, as one that arbitrates must.", 500'000,
                    [](std::uint64_t count) { return at_loop(16, true, count); }});
}

}  // namespace xlate::bench
