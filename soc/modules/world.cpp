#include "soc/modules/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace xlate::soc {

/// SystemC calls update() when all processes of an evaluation have run.
class World::Gate final : public sc_core::sc_prim_channel {
public:
    explicit Gate(World& world) : sc_core::sc_prim_channel("gate"), world_(world) {}
    void ask() { request_update(); }

private:
    void update() override { world_.let_in(); }
    World& world_;
};

World::World(const sc_core::sc_module_name& module_name)
    : sc_core::sc_module(module_name),
      own_(std::make_unique<Own>()),
      agenda_(own_->agenda),
      pool_(own_->pool),
      stream_(own_->stream),
      gate_(std::make_unique<Gate>(*this)) {
    agenda_.stand_beside_others();
}

World::World(const sc_core::sc_module_name& module_name, Agenda& agenda, TransactionPool& pool, EventStream& stream)
    : sc_core::sc_module(module_name),
      agenda_(agenda),
      pool_(pool),
      stream_(stream),
      gate_(std::make_unique<Gate>(*this)) {
    agenda_.stand_beside_others();
}

World::~World() = default;

void World::arrive(AgendaEntry& entry, const sc_core::sc_time& delay, const Component& component, std::uint64_t tie) {
    const SimTime at{(sc_core::sc_time_stamp() + delay).value() * agenda_.fs_per_tick()};
    if (arrivals_.empty()) gate_->ask();
    arrivals_.push_back({at, &component, tie, &entry});
}

void World::let_in() {
    std::sort(arrivals_.begin(), arrivals_.end(), [](const Arrival& a, const Arrival& b) {
        return std::make_tuple(a.at.fs, a.component->rank(), a.tie) <
               std::make_tuple(b.at.fs, b.component->rank(), b.tie);
    });
    agenda_.others_are_here();
    for (const Arrival& arrival : arrivals_) {
        agenda_.schedule(*arrival.entry, arrival.at, Phase::arrive, *arrival.component);
    }
    arrivals_.clear();
}

void World::expect(std::function<bool()> fine, std::string otherwise) {
    expectations_.push_back({std::move(fine), std::move(otherwise)});
}

void World::uses_time(const std::string& component, const std::string& what, SimTime time) {
    const std::uint64_t tick = agenda_.fs_per_tick();
    expect([=] { return time.fs % tick == 0; },
           fmt::format("{}: {} of {} fs cannot be expressed at SystemC's time resolution of {}: call "
                       "sc_core::sc_set_time_resolution(1, sc_core::SC_FS) before anything else",
                       component, what, time.fs, sc_core::sc_get_time_resolution().to_string()));
}

void World::note(const std::string& text) {
    if (std::find(noted_.begin(), noted_.end(), text) != noted_.end()) return;
    noted_.push_back(text);
    SC_REPORT_INFO("xlate", text.c_str());
}

void World::end_of_elaboration() {
    std::string findings;
    for (const Expectation& expectation : expectations_) {
        if (!expectation.fine()) findings += (findings.empty() ? "" : "\n") + expectation.otherwise;
    }
    expectations_.clear();
    if (!findings.empty()) SC_REPORT_ERROR("xlate", findings.c_str());
    agenda_.rank_components();
}

}  // namespace xlate::soc
