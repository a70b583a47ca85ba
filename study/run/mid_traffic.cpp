#include "study/run/mid_traffic.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "study/config/parameters.hpp"

namespace xlate::study {

Rogues::Rogues(const Config& config, soc::Soc& soc)
    : config_(config), soc_(soc), states_(config.rogues.size(), State::to_come) {}

void Rogues::arm() {
    for (std::size_t i = 0; i < config_.rogues.size(); ++i) {
        soc_.machine().set_timer(config_.rogues[i].at, [this, i] {
            const RogueConfig& rogue = config_.rogues[i];
            const bool left = soc_.start_master(rogue.device, Iova{rogue.iova}, rogue.size_bytes);
            states_[i] = left ? State::done : State::too_late;
        });
    }
}

std::vector<std::string> Rogues::warnings() const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        if (states_[i] == State::done) continue;
        const RogueConfig& rogue = config_.rogues[i];
        all.push_back(fmt::format(
            "rogues[{}]: {} accesses nothing at {:#x}: {}", i, rogue.device, rogue.iova,
            states_[i] == State::to_come
                ? fmt::format("the run was over before {}", format_time(rogue.at))
                : fmt::format("it had made all its transfers before {}; let it start earlier, or give its traffic more "
                              "transfers or a map_delay",
                              format_time(rogue.at))));
    }
    return all;
}

std::vector<std::string> unmap_warnings(const Config& config, const kernel::ClientDma& clients,
                                        const soc::SocStats& stats) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < config.traffic.size(); ++i) {
        const TrafficConfig& traffic = config.traffic[i];
        if (!traffic.unmap.active) continue;
        const auto say = [&](const char* key, const std::string& what) {
            all.push_back(fmt::format("traffic[{}].unmap.{}: {}", i, key, what));
        };
        const kernel::ClientStats* const client = clients.stats(traffic.device);
        if (client == nullptr || !client->unmapped_mid_traffic) {
            say("after", fmt::format("nothing of {} was unmapped: its driver had mapped nothing, or was gone, or the "
                                     "run was over before",
                                     traffic.device));
            continue;
        }
        const kernel::UnmappedMidTraffic& done = *client->unmapped_mid_traffic;
        if (done.chunk != traffic.unmap.chunk)
            say("chunk", fmt::format("{} has {} mappings: number {}, the last, was unmapped", traffic.device,
                                     done.chunks, done.chunk));
        const auto master = std::find_if(stats.masters.begin(), stats.masters.end(),
                                         [&](const soc::MasterStats& one) { return one.device == traffic.device; });
        if (master != stats.masters.end() && master->last_completion <= done.at)
            say("after", fmt::format("the traffic of {} was over by then ({}): it shows nothing", traffic.device,
                                     format_time(done.at)));
    }
    return all;
}

}  // namespace xlate::study
