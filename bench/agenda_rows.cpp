// Rows for the agenda alone: what an event of ours costs.
#include <systemc>

#include <memory>
#include <vector>

#include "base/random.hpp"
#include "bench/row.hpp"
#include "soc/time/agenda.hpp"

namespace xlate::bench {
namespace {

/// Entries of our agenda that each schedule themselves again: what an event of ours costs, beside systemc/timed_event.
class AgendaLoad : public soc::Component {
public:
    AgendaLoad(unsigned pending, std::uint64_t events) : Component("load"), left_(events), pending_(pending) {
        agenda_.add_component(*this);
        agenda_.rank_components();
        for (unsigned i = 0; i < pending; ++i) {
            timers_.push_back(std::make_unique<Timer>());
            timers_[i]->load = this;
            timers_[i]->number = i;
            timers_[i]->entry.bind<&Timer::fire>(timers_[i].get());
            agenda_.schedule(timers_[i]->entry, ns(1 + i % 97), soc::Phase::arrive, *this);
        }
    }
    std::uint64_t fired() const { return fired_; }

private:
    struct Timer {
        AgendaLoad* load = nullptr;
        unsigned number = 0;
        soc::AgendaEntry entry;
        void fire() { load->fire(*this); }
    };
    void fire(Timer& timer) {
        ++fired_;
        if (fired_ + pending_ > left_) return;
        agenda_.schedule_after(timer.entry, ns(1 + (fired_ * 7 + timer.number) % 97), soc::Phase::arrive, *this);
    }
    soc::Agenda agenda_{"agenda"};
    std::vector<std::unique_ptr<Timer>> timers_;
    std::uint64_t left_;
    std::uint64_t fired_ = 0;
    unsigned pending_;
};

Measured agenda_entries(unsigned pending, std::uint64_t events) {
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    AgendaLoad load{pending, events};
    const double start = cpu_seconds();
    sc_core::sc_start();
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = load.fired();
    measured.checksum = sc_core::sc_time_stamp().value();
    return measured;
}

}  // namespace

void add_agenda_rows(std::vector<Row>& rows) {
    for (const unsigned pending : {1U, 64U, 1024U}) {
        rows.push_back({"soc/agenda/" + std::to_string(pending), "event", "An entry of our agenda, so many pending.",
                        3'000'000, [pending](std::uint64_t count) { return agenda_entries(pending, count); }});
    }
}

}  // namespace xlate::bench
