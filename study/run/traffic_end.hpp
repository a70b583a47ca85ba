// Ends a master's traffic by time, or when what is measured of it has settled. A listener that speaks back: it stops
// the master, and tells its driver where that submits the transfers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "soc/measure/forwarding_trace.hpp"
#include "soc/soc.hpp"
#include "study/config/config.hpp"
#include "study/run/steady.hpp"

namespace xlate::study {

/// What has settled is asked for seldom, and ever more seldom: who looks after each transfer finds an end by chance.
class TrafficEnd final : public soc::ForwardingTrace {
public:
    /// `soc` and `steady` must outlive this; `steady` hears of everything before this does.
    TrafficEnd(soc::Soc& soc, const SteadyWatch& steady) : soc_(soc), steady_(steady) {}
    /// `enough`: of a driver that submits; nullptr: the master's pattern makes the transfers.
    void watch(const TrafficConfig& traffic, std::shared_ptr<bool> enough);
    bool any() const { return !masters_.empty(); }
    /// "time" or "settled"; nullptr: it made all its transfers.
    const char* ended_by(const std::string& device) const;

    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;

private:
    static constexpr std::uint64_t kFirstLook = 1024;  ///< transactions

    struct Master {
        SimTime time;
        bool until_settled = false;
        std::shared_ptr<bool> enough;
        SimTime first;
        std::uint64_t ended = 0;
        std::uint64_t next_look = kFirstLook;
        const char* ended_by = nullptr;
    };
    void end(const std::string& device, Master& master, const char* why);

    soc::Soc& soc_;
    const SteadyWatch& steady_;
    std::map<std::string, Master, std::less<>> masters_;
};

}  // namespace xlate::study
