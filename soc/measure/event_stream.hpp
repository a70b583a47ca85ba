// The stream of what happened, as one number: two runs are the same exactly if their streams are.
#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "soc/time/component.hpp"

namespace xlate::soc {

/// Order matters. Names count, ranks and pointers do not.
class EventStream {
public:
    enum class Kind : std::uint8_t {
        completion = 1,
        fault,
        command,
        register_read,
        register_write,
        interrupt,
        task,
        walk
    };

    void add(SimTime at, const Component& component, Kind kind, std::uint64_t detail) {
        mix(at.fs);
        mix(component.name_digest() ^ static_cast<std::uint64_t>(kind));
        mix(detail);
        ++count_;
    }
    std::uint64_t value() const { return state_; }
    std::uint64_t count() const { return count_; }

private:
    void mix(std::uint64_t word) {
        state_ = (state_ ^ word) * 0x9E3779B97F4A7C15ULL;
        state_ ^= state_ >> 29;
    }
    std::uint64_t state_ = 0x243F6A8885A308D3ULL;
    std::uint64_t count_ = 0;
};

}  // namespace xlate::soc
