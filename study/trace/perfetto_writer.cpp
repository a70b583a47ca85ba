#include "study/trace/perfetto_writer.hpp"

#include <array>
#include <cstring>

#include "base/bits.hpp"

namespace xlate::study {
namespace {

// Field numbers of Perfetto's trace packets (protos/perfetto/trace/trace_packet.proto and track_event/*.proto).
constexpr unsigned kTracePacket = 1;
constexpr unsigned kPacketTimestamp = 8;
constexpr unsigned kPacketSequence = 10;
constexpr unsigned kPacketTrackEvent = 11;
constexpr unsigned kPacketSequenceFlags = 13;
constexpr unsigned kPacketTrackDescriptor = 60;
constexpr unsigned kTrackUuid = 1;
constexpr unsigned kTrackName = 2;
constexpr unsigned kTrackParent = 5;
constexpr unsigned kTrackCounter = 8;
constexpr unsigned kCounterUnit = 6;
constexpr unsigned kEventAnnotation = 4;
constexpr unsigned kEventType = 9;
constexpr unsigned kEventTrack = 11;
constexpr unsigned kEventName = 23;
constexpr unsigned kEventCounter = 30;
constexpr unsigned kEventFlow = 47;
constexpr unsigned kEventLastFlow = 48;
constexpr unsigned kAnnotationUint = 3;
constexpr unsigned kAnnotationText = 6;
constexpr unsigned kAnnotationPointer = 7;
constexpr unsigned kAnnotationName = 10;

// Sizes in a protobuf message. A field is its number and kind, and a value, eight bytes, or a length and bytes.
std::size_t size_of(std::uint64_t value) { return log2_floor(value | 1) / 7 + 1; }
std::size_t size_of_number(unsigned field, std::uint64_t value) {
    return size_of(std::uint64_t{field} << 3) + size_of(value);
}
std::size_t size_of_bytes(unsigned field, std::size_t length) { return size_of_number(field, length) + length; }
std::size_t size_of_fixed(unsigned field) { return size_of(std::uint64_t{field} << 3) + 8; }

using Detail = PerfettoWriter::Detail;

std::size_t size_of_detail(const Detail& detail) {
    const std::size_t name = size_of_bytes(kAnnotationName, detail.name.size());
    if (!detail.text.empty()) return name + size_of_bytes(kAnnotationText, detail.text.size());
    return name + size_of_number(detail.address ? kAnnotationPointer : kAnnotationUint, detail.number);
}

}  // namespace

std::uint64_t PerfettoWriter::track(std::string_view name, std::uint64_t parent) {
    return describe(name, parent, false, {});
}

std::uint64_t PerfettoWriter::counter_track(std::string_view name, std::uint64_t parent, std::string_view unit) {
    return describe(name, parent, true, unit);
}

std::uint64_t PerfettoWriter::describe(std::string_view name, std::uint64_t parent, bool counter,
                                       std::string_view unit) {
    const std::uint64_t uuid = ++last_uuid_;
    const std::size_t of_counter = unit.empty() ? 0 : size_of_bytes(kCounterUnit, unit.size());
    const std::size_t descriptor = size_of_number(kTrackUuid, uuid) + size_of_bytes(kTrackName, name.size()) +
                                   (parent == 0 ? 0 : size_of_number(kTrackParent, parent)) +
                                   (counter ? size_of_bytes(kTrackCounter, of_counter) : 0);
    const bool first = uuid == 1;
    begin(size_of_number(kPacketSequence, 1) + (first ? size_of_number(kPacketSequenceFlags, 1) : 0) +
          size_of_bytes(kPacketTrackDescriptor, descriptor));
    number(kPacketSequence, 1);
    if (first) number(kPacketSequenceFlags, 1);
    open(kPacketTrackDescriptor, descriptor);
    number(kTrackUuid, uuid);
    bytes(kTrackName, name);
    if (parent != 0) number(kTrackParent, parent);
    if (counter) {
        open(kTrackCounter, of_counter);
        if (!unit.empty()) bytes(kCounterUnit, unit);
    }
    return uuid;
}

void PerfettoWriter::event(std::uint64_t track, Type type, SimTime at, std::string_view name,
                           std::initializer_list<Detail> details, Flow flow) {
    const std::uint64_t timestamp = at.fs / kFsPerNs;
    const auto kind = static_cast<std::uint64_t>(type);
    const bool named = type != Type::slice_end;
    const unsigned flow_field = flow.ends ? kEventLastFlow : kEventFlow;
    std::size_t body = size_of_number(kEventType, kind) + size_of_number(kEventTrack, track) +
                       (named ? size_of_bytes(kEventName, name.size()) : 0) +
                       (flow.id != 0 ? size_of_fixed(flow_field) : 0);
    std::array<std::size_t, kMostDetails> sizes;
    std::size_t used = 0;
    for (const Detail& detail : details) {
        sizes[used] = size_of_detail(detail);
        body += size_of_bytes(kEventAnnotation, sizes[used++]);
    }
    begin(size_of_number(kPacketTimestamp, timestamp) + size_of_number(kPacketSequence, 1) +
          size_of_bytes(kPacketTrackEvent, body));
    number(kPacketTimestamp, timestamp);
    number(kPacketSequence, 1);
    open(kPacketTrackEvent, body);
    number(kEventType, kind);
    number(kEventTrack, track);
    if (named) bytes(kEventName, name);
    if (flow.id != 0) fixed(flow_field, flow.id);
    used = 0;
    for (const Detail& detail : details) {
        open(kEventAnnotation, sizes[used++]);
        bytes(kAnnotationName, detail.name);
        if (!detail.text.empty()) {
            bytes(kAnnotationText, detail.text);
        } else {
            number(detail.address ? kAnnotationPointer : kAnnotationUint, detail.number);
        }
    }
}

void PerfettoWriter::count(std::uint64_t track, SimTime at, std::uint64_t value) {
    const std::uint64_t timestamp = at.fs / kFsPerNs;
    const auto kind = static_cast<std::uint64_t>(Type::counter);
    const std::size_t body =
        size_of_number(kEventType, kind) + size_of_number(kEventTrack, track) + size_of_number(kEventCounter, value);
    begin(size_of_number(kPacketTimestamp, timestamp) + size_of_number(kPacketSequence, 1) +
          size_of_bytes(kPacketTrackEvent, body));
    number(kPacketTimestamp, timestamp);
    number(kPacketSequence, 1);
    open(kPacketTrackEvent, body);
    number(kEventType, kind);
    number(kEventTrack, track);
    number(kEventCounter, value);
}

void PerfettoWriter::flush() {
    if (used_ != 0) put_(std::string_view(buffer_.data(), used_));
    given_ += used_;
    used_ = 0;
}

void PerfettoWriter::begin(std::size_t size) {
    const std::size_t whole = size_of_bytes(kTracePacket, size);
    if (used_ + whole > buffer_.size()) {
        flush();
        if (whole > buffer_.size()) buffer_.resize(whole);
    }
    open(kTracePacket, size);
}

void PerfettoWriter::open(unsigned field, std::size_t size) {
    varint((std::uint64_t{field} << 3) | 2);
    varint(size);
}

void PerfettoWriter::number(unsigned field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3);
    varint(value);
}

void PerfettoWriter::bytes(unsigned field, std::string_view content) {
    open(field, content.size());
    std::memcpy(&buffer_[used_], content.data(), content.size());
    used_ += content.size();
}

/// Eight bytes, the lowest first.
void PerfettoWriter::fixed(unsigned field, std::uint64_t value) {
    varint((std::uint64_t{field} << 3) | 1);
    for (unsigned i = 0; i < 8; ++i) buffer_[used_++] = static_cast<char>(value >> (8 * i));
}

void PerfettoWriter::varint(std::uint64_t value) {
    char* out = &buffer_[used_];
    for (; value >= 0x80; value >>= 7, ++used_) *out++ = static_cast<char>(value | 0x80);
    *out = static_cast<char>(value);
    ++used_;
}

}  // namespace xlate::study
