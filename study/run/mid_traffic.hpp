// What a config lets happen while traffic runs: masters that run over addresses that nobody gave them, drivers that
// unmap what is still in use.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernel-model/clients/client_dma.hpp"
#include "soc/measure/stats.hpp"
#include "soc/soc.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Starts each at its time. A master that had nothing left to do then, or a run that was over, is a warning: such a
/// rogue shows nothing.
class Rogues {
public:
    /// Both outlive this.
    Rogues(const Config& config, soc::Soc& soc);

    void arm();
    /// When the run has ended.
    std::vector<std::string> warnings() const;

private:
    enum class State { to_come, done, too_late };
    const Config& config_;
    soc::Soc& soc_;
    std::vector<State> states_;
};

/// Unmaps (`traffic[].unmap`) that came to nothing, or to something else than was asked for. When the run has ended.
std::vector<std::string> unmap_warnings(const Config& config, const kernel::ClientDma& clients,
                                        const soc::SocStats& stats);

}  // namespace xlate::study
