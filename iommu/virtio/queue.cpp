#include "iommu/virtio/queue.hpp"

#include <algorithm>

namespace xlate::iommu::virtio {

namespace {

/// A request longer than this is none of ours: the rest is not read.
constexpr std::uint32_t kMostRead = 128;
constexpr std::uint32_t kLargestAccess = 64;

/// The largest access that fits `bytes`; at least four bytes are accessed.
std::uint32_t chunk_of(std::uint64_t address, std::uint32_t bytes) {
    std::uint32_t size = kLargestAccess;
    while (size > 4 && (size > bytes || (address & (size - 1)) != 0)) size /= 2;
    return size;
}

}  // namespace

void Queue::reset() { *this = Queue{}; }

Queue::Progress Queue::access(Step& step, std::uint64_t address, std::uint32_t size, AccessKind kind,
                              AccessPurpose purpose) {
    step = {};
    step.kind = StepKind::access;
    step.access.address = PhysAddr{address};
    step.access.size = size;
    step.access.kind = kind;
    step.access.purpose = purpose;
    waiting_ = true;
    return Progress::access;
}

std::uint32_t Queue::writable_bytes() const {
    std::uint32_t all = 0;
    for (const Part& part : to_write_) all += part.bytes;
    return all;
}

Queue::Progress Queue::take(const Reply& reply, Step& step) {
    const bool answered = waiting_;
    waiting_ = false;
    if (answered && reply.abort) return Progress::broken;
    const std::uint8_t* const data = reply.data.data();
    switch (state_) {
        case State::index: {
            if (!answered) return access(step, place.driver, 4, AccessKind::read, Purpose::ring);
            quiet_ = (load_le(data, 2) & ring::NO_INTERRUPT) != 0;
            const auto index = static_cast<std::uint16_t>(load_le(data + 2, 2));
            const auto more = static_cast<std::uint16_t>(index - taken_);
            if (more == 0) return Progress::empty;
            if (more > place.entries) return Progress::broken;
            state_ = State::entry;
            const std::uint64_t at = place.driver + ring::kHeadBytes + 2ull * (taken_ % place.entries);
            return access(step, at & ~std::uint64_t{3}, 4, AccessKind::read, Purpose::ring);
        }
        case State::entry: {
            const unsigned odd = (taken_ % place.entries) % 2;
            head_ = at_ = static_cast<std::uint16_t>(load_le(data + 2 * odd, 2));
            seen_ = 0;
            to_read_.clear();
            to_write_.clear();
            readable_.clear();
            return next_descriptor(step);
        }
        case State::descriptor: {
            const auto flags = static_cast<std::uint16_t>(load_le(data + 12, 2));
            const Part part{load_le(data, 8), static_cast<std::uint32_t>(load_le(data + 8, 4))};
            if ((flags & ring::INDIRECT) != 0) return Progress::broken;
            if ((flags & ring::WRITE) != 0) {
                to_write_.push_back(part);
            } else if (!to_write_.empty()) {
                return Progress::broken;  // what is read stands first
            } else {
                to_read_.push_back(part);
            }
            at_ = static_cast<std::uint16_t>(load_le(data + 14, 2));
            if ((flags & ring::NEXT) != 0) return next_descriptor(step);
            part_ = 0;
            done_ = 0;
            state_ = State::read;
            return read_more(step);
        }
        case State::read: {
            const std::uint32_t got = std::min(chunk_, to_read_[part_].bytes - done_);
            readable_.insert(readable_.end(), data, data + got);
            done_ += got;
            return read_more(step);
        }
        default:
            return Progress::chain;
    }
}

Queue::Progress Queue::next_descriptor(Step& step) {
    if (at_ >= place.entries || ++seen_ > place.entries) return Progress::broken;
    state_ = State::descriptor;
    return access(step, place.descriptors + std::uint64_t{at_} * ring::kDescriptorBytes, ring::kDescriptorBytes,
                  AccessKind::read, Purpose::descriptor);
}

Queue::Progress Queue::read_more(Step& step) {
    while (part_ < to_read_.size() && done_ >= to_read_[part_].bytes) {
        ++part_;
        done_ = 0;
    }
    if (part_ == to_read_.size() || readable_.size() >= kMostRead) {
        state_ = State::taken;
        return Progress::chain;
    }
    const Part& part = to_read_[part_];
    chunk_ = chunk_of(part.address + done_, part.bytes - done_);
    return access(step, part.address + done_, chunk_, AccessKind::read, Purpose::request);
}

void Queue::begin_give(std::vector<std::uint8_t> answer) {
    answer_ = std::move(answer);
    written_ = 0;
    part_ = 0;
    done_ = 0;
    state_ = State::write;
}

Queue::Progress Queue::give(const Reply& reply, Step& step) {
    const bool answered = waiting_;
    waiting_ = false;
    if (answered && reply.abort) return Progress::broken;
    if (state_ == State::write) {
        if (answered) {
            done_ += chunk_;
            written_ += chunk_;
        }
        while (part_ < to_write_.size() && done_ >= to_write_[part_].bytes) {
            ++part_;
            done_ = 0;
        }
        if (written_ < answer_.size() && part_ < to_write_.size()) {
            const Part& part = to_write_[part_];
            const auto left = static_cast<std::uint32_t>(answer_.size() - written_);
            chunk_ = chunk_of(part.address + done_, std::min(part.bytes - done_, left));
            const Progress progress = access(step, part.address + done_, chunk_, AccessKind::write, Purpose::answer);
            std::copy_n(answer_.begin() + static_cast<std::ptrdiff_t>(written_), std::min(chunk_, left),
                        step.access.data.begin());
            return progress;
        }
        state_ = State::used;
        const std::uint64_t at = place.device + ring::kHeadBytes + 8ull * (given_ % place.entries);
        const Progress progress = access(step, at, ring::kUsedBytes, AccessKind::write, Purpose::ring);
        store_le(step.access.data.data(), 4, head_);
        store_le(step.access.data.data() + 4, 4, answer_.size());
        return progress;
    }
    if (state_ == State::used) {
        ++given_;
        ++taken_;
        state_ = State::used_index;
        const Progress progress = access(step, place.device, 4, AccessKind::write, Purpose::ring);
        store_le(step.access.data.data() + 2, 2, given_);
        return progress;
    }
    state_ = State::index;
    return Progress::given;
}

}  // namespace xlate::iommu::virtio
