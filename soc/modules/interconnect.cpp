#include "soc/modules/interconnect.hpp"

#include <fmt/format.h>

namespace xlate::soc {

InterconnectModule::InterconnectModule(const sc_core::sc_module_name& module_name, World& world, ClockPeriod clock,
                                       const CrossbarParams& params, unsigned from, unsigned to)
    : sc_core::sc_module(module_name) {
    const std::string own = name();
    std::vector<std::string> initiators, targets;
    for (unsigned i = 0; i < from; ++i) {
        initiators.push_back(std::to_string(i));
        inlets_.push_back(std::make_unique<Inlet>(world, fmt::format("{}.from.{}", own, i), fmt::format("in_{}", i),
                                                  Inlet::Shape{12, 0, false, {}, {}}));
    }
    for (unsigned i = 0; i < to; ++i) {
        targets.push_back(std::to_string(i));
        outlets_.push_back(std::make_unique<Outlet>(world, fmt::format("{}.to.{}", own, i), fmt::format("out_{}", i)));
    }
    crossbar_ = std::make_unique<Crossbar>("crossbar", own, world.agenda(), clock, params, initiators, targets);
    for (unsigned i = 0; i < from; ++i) inlets_[i]->port.socket.bind(crossbar_->initiator(i).socket);
    for (unsigned i = 0; i < to; ++i) crossbar_->target(i).socket.bind(outlets_[i]->port.socket);
    world.uses_time(own, "its clock period", {clock.fs});
}

void InterconnectModule::map(std::uint64_t base, std::uint64_t size, unsigned target) {
    const std::uint64_t last = base + (size - 1);
    std::string wrong;
    if (size == 0 || last < base) wrong = "is empty or goes beyond the last address";
    if (target >= outlets_.size()) wrong = fmt::format("leads to target {} of {}", target, outlets_.size());
    for (const Range& other : ranges_) {
        if (base <= other.last && other.base <= last)
            wrong = fmt::format("lies over {:#x}..{:#x}", other.base, other.last);
    }
    if (!wrong.empty()) SC_REPORT_ERROR("xlate", fmt::format("{}: {:#x}..{:#x} {}", name(), base, last, wrong).c_str());
    ranges_.push_back({base, last});
    crossbar_->map(base, size, target);
}

}  // namespace xlate::soc
