// Reads a Perfetto trace back, by the field numbers that Perfetto publishes (protos/perfetto/trace): independent of the
// writer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::tests {

/// One field of a protobuf message: a number (varint or fixed), or bytes.
struct ProtoField {
    std::uint32_t number = 0;
    std::uint64_t value = 0;
    std::string_view bytes;
};

inline std::uint64_t proto_varint(std::string_view& from) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (from.empty()) throw std::runtime_error("a varint is cut off");
        const auto byte = static_cast<std::uint8_t>(from.front());
        from.remove_prefix(1);
        value |= std::uint64_t{byte & 0x7FU} << shift;
        if ((byte & 0x80U) == 0) return value;
    }
    throw std::runtime_error("a varint is too long");
}

inline std::vector<ProtoField> proto_fields(std::string_view message) {
    std::vector<ProtoField> fields;
    while (!message.empty()) {
        const std::uint64_t key = proto_varint(message);
        ProtoField field;
        field.number = static_cast<std::uint32_t>(key >> 3);
        const auto take = [&](std::size_t size) {
            if (message.size() < size) throw std::runtime_error("a field is cut off");
            const std::string_view taken = message.substr(0, size);
            message.remove_prefix(size);
            return taken;
        };
        switch (key & 7) {
            case 0:
                field.value = proto_varint(message);
                break;
            case 1: {
                const std::string_view bytes = take(8);
                for (unsigned i = 0; i < 8; ++i)
                    field.value |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
                break;
            }
            case 2:
                field.bytes = take(static_cast<std::size_t>(proto_varint(message)));
                break;
            default:
                throw std::runtime_error("a wire type that Perfetto does not use");
        }
        fields.push_back(field);
    }
    return fields;
}

struct TraceTrack {
    std::string name;
    std::uint64_t parent = 0;
    bool counter = false;
};

struct TraceSlice {
    std::uint64_t track = 0;
    std::string name;
    std::uint64_t start_ns = 0;
    std::optional<std::uint64_t> end_ns;  ///< nothing: a moment
    std::vector<std::uint64_t> flows;     ///< steps, and
    std::vector<std::uint64_t> last_of;   ///< ends of flows
    std::map<std::string, std::uint64_t> numbers;
    std::map<std::string, std::string> texts;
};

struct TraceCount {
    std::uint64_t track = 0;
    std::uint64_t at_ns = 0;
    std::uint64_t value = 0;
};

struct DecodedTrace {
    std::map<std::uint64_t, TraceTrack> tracks;
    std::vector<TraceSlice> slices;
    std::vector<TraceCount> counts;

    /// "masters/0000:01:00.0/0000:01:00.0 0".
    std::string path(std::uint64_t track) const {
        const TraceTrack& one = tracks.at(track);
        return one.parent == 0 ? one.name : path(one.parent) + "/" + one.name;
    }
};

/// Throws std::runtime_error for what is no trace: bytes that do not fit, an end without a beginning, a track that was
/// not described before.
inline DecodedTrace decode_trace(std::string_view file) {
    DecodedTrace trace;
    std::map<std::uint64_t, std::vector<std::size_t>> open;  // by track: indices of slices
    for (const ProtoField& packet : proto_fields(file)) {
        if (packet.number != 1) throw std::runtime_error("a trace has packets and nothing else");
        std::uint64_t at = 0;
        std::string_view event;
        for (const ProtoField& field : proto_fields(packet.bytes)) {
            if (field.number == 8) at = field.value;
            if (field.number == 11) event = field.bytes;
            if (field.number != 60) continue;
            TraceTrack track;
            std::uint64_t uuid = 0;
            for (const ProtoField& of_track : proto_fields(field.bytes)) {
                if (of_track.number == 1) uuid = of_track.value;
                if (of_track.number == 2) track.name = of_track.bytes;
                if (of_track.number == 5) track.parent = of_track.value;
                if (of_track.number == 8) track.counter = true;
            }
            if (uuid == 0 || !trace.tracks.emplace(uuid, track).second)
                throw std::runtime_error("two tracks of one id");
            if (track.parent != 0 && trace.tracks.count(track.parent) == 0)
                throw std::runtime_error("a track below one that is not there");
        }
        if (event.empty()) continue;
        TraceSlice slice;
        std::uint64_t type = 0;
        std::uint64_t counter = 0;
        for (const ProtoField& field : proto_fields(event)) {
            switch (field.number) {
                case 4: {  // a debug annotation
                    std::string name;
                    std::optional<std::uint64_t> number;
                    std::string text;
                    for (const ProtoField& part : proto_fields(field.bytes)) {
                        if (part.number == 10) name = part.bytes;
                        if (part.number == 3 || part.number == 7) number = part.value;
                        if (part.number == 6) text = part.bytes;
                    }
                    if (number) slice.numbers[name] = *number;
                    if (!number) slice.texts[name] = text;
                    break;
                }
                case 9:
                    type = field.value;
                    break;
                case 11:
                    slice.track = field.value;
                    break;
                case 23:
                    slice.name = field.bytes;
                    break;
                case 30:
                    counter = field.value;
                    break;
                case 47:
                    slice.flows.push_back(field.value);
                    break;
                case 48:
                    slice.last_of.push_back(field.value);
                    break;
                default:
                    throw std::runtime_error("a field of an event that is not written: " +
                                             std::to_string(field.number));
            }
        }
        if (trace.tracks.count(slice.track) == 0) throw std::runtime_error("an event on a track that is not there");
        slice.start_ns = at;
        if (type == 4) {
            if (!trace.tracks.at(slice.track).counter) throw std::runtime_error("a number on a track of slices");
            trace.counts.push_back({slice.track, at, counter});
        } else if (type == 2) {
            std::vector<std::size_t>& begun = open[slice.track];
            if (begun.empty()) throw std::runtime_error("an end without a beginning");
            trace.slices[begun.back()].end_ns = at;
            begun.pop_back();
        } else {
            if (type == 1) open[slice.track].push_back(trace.slices.size());
            trace.slices.push_back(std::move(slice));
        }
    }
    for (const auto& [track, begun] : open) {
        if (!begun.empty()) throw std::runtime_error("a slice without an end");
    }
    return trace;
}

}  // namespace xlate::tests
