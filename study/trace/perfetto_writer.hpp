// Native Perfetto protobuf, written by hand: few messages are needed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "study/results/files.hpp"

namespace xlate::study {

/// Gives a trace piece by piece out of one buffer, which is used again. All lengths are known before a message is
/// written, so that each byte is written once.
class PerfettoWriter {
public:
    enum class Type : std::uint64_t { slice_begin = 1, slice_end = 2, instant = 3 };
    using Detail = std::pair<std::string_view, std::uint64_t>;

    explicit PerfettoWriter(Put put) : put_(std::move(put)), buffer_(kPiece) {}
    /// A new track below `parent` (0: none).
    std::uint64_t track(const std::string& name, std::uint64_t parent);
    /// At most three details. Times are rounded down to ns.
    void event(std::uint64_t track, Type type, SimTime at, std::string_view name,
               std::initializer_list<Detail> details);
    /// Gives what is left.
    void flush();
    /// All that was written, given or not.
    std::uint64_t bytes() const { return given_ + used_; }

private:
    static constexpr std::size_t kPiece = std::size_t{256} << 10;

    /// A packet of `size` bytes; there is room for it.
    void begin(std::size_t size);
    void open(unsigned field, std::size_t size);
    void number(unsigned field, std::uint64_t value);
    void bytes(unsigned field, std::string_view content);
    void varint(std::uint64_t value);

    Put put_;
    std::vector<char> buffer_;
    std::size_t used_ = 0;
    std::uint64_t given_ = 0;
    std::uint64_t last_uuid_ = 0;
};

}  // namespace xlate::study
