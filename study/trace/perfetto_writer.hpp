// Native Perfetto protobuf, written by hand: few messages are needed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "study/results/files.hpp"

namespace xlate::study {

/// An argument of an event: a text if it has one, else a number; an address is shown in hexadecimal.
struct PerfettoDetail {
    std::string_view name;
    std::uint64_t number = 0;
    bool address = false;
    std::string_view text = {};
};

/// What an event is a step of: events of one flow are joined by arrows, in the order of their times. 0: of nothing.
struct PerfettoFlow {
    std::uint64_t id = 0;
    bool ends = false;
};

/// Gives a trace piece by piece out of one buffer, which is used again. All lengths are known before a message is
/// written, so that each byte is written once.
class PerfettoWriter {
public:
    enum class Type : std::uint64_t { slice_begin = 1, slice_end = 2, instant = 3, counter = 4 };
    using Detail = PerfettoDetail;
    using Flow = PerfettoFlow;

    explicit PerfettoWriter(Put put) : put_(std::move(put)), buffer_(kPiece) {}
    /// A new track below `parent` (0: none).
    std::uint64_t track(std::string_view name, std::uint64_t parent);
    /// A new track of numbers; `unit`: its text.
    std::uint64_t counter_track(std::string_view name, std::uint64_t parent, std::string_view unit);
    /// At most kMostDetails details. Times are rounded down to ns.
    void event(std::uint64_t track, Type type, SimTime at, std::string_view name, std::initializer_list<Detail> details,
               Flow flow = {});
    /// A track of numbers has this value from now on.
    void count(std::uint64_t track, SimTime at, std::uint64_t value);
    /// Gives what is left.
    void flush();
    /// All that was written, given or not.
    std::uint64_t bytes() const { return given_ + used_; }

    static constexpr std::size_t kMostDetails = 6;

private:
    static constexpr std::size_t kPiece = std::size_t{256} << 10;

    std::uint64_t describe(std::string_view name, std::uint64_t parent, bool counter, std::string_view unit);
    /// A packet of `size` bytes; there is room for it.
    void begin(std::size_t size);
    void open(unsigned field, std::size_t size);
    void number(unsigned field, std::uint64_t value);
    void bytes(unsigned field, std::string_view content);
    void fixed(unsigned field, std::uint64_t value);
    void varint(std::uint64_t value);

    Put put_;
    std::vector<char> buffer_;
    std::size_t used_ = 0;
    std::uint64_t given_ = 0;
    std::uint64_t last_uuid_ = 0;
};

}  // namespace xlate::study
