#include "kernel-model/drivers/virtio_iommu/virtqueue.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

namespace ring = iommu::virtio::ring;

namespace {

constexpr std::uint32_t kMostEntries = 256;

/// Sets 16 bits of a row of words.
void set_u16(std::vector<std::uint64_t>& words, std::size_t at, std::uint16_t value) {
    std::uint64_t& word = words[at / 8];
    const unsigned shift = 8 * static_cast<unsigned>(at % 8);
    word = (word & ~(std::uint64_t{0xFFFF} << shift)) | (std::uint64_t{value} << shift);
}

}  // namespace

int Virtqueue::setup(bool quiet) {
    Frame frame{kernel_, "setup_vq"};
    const auto most = transport_.select_queue(index_);
    if (!most) return -kENOENT;
    entries_ = std::min(*most, kMostEntries);
    const std::uint64_t descriptor_bytes = std::uint64_t{entries_} * ring::kDescriptorBytes;
    const std::uint64_t driver_bytes = align_up(ring::kHeadBytes + 2ull * entries_ + 2, 8);
    const std::uint64_t device_bytes = align_up(ring::kHeadBytes + 8ull * entries_ + 2, 8);
    const auto pages = pages_.alloc_zeroed(descriptor_bytes + driver_bytes + align_up(device_bytes, 8));
    if (!pages) return -kENOMEM;
    descriptors_ = *pages;
    driver_ = descriptors_ + descriptor_bytes;
    device_ = driver_ + driver_bytes;
    driver_words_.assign(driver_bytes / 8, 0);
    if (quiet) {
        set_u16(driver_words_, 0, ring::NO_INTERRUPT);
        pages_.write_u64(driver_, driver_words_[0]);
    }
    transport_.enable_queue(index_, {entries_, descriptors_, driver_, device_}, !quiet);
    return 0;
}

void Virtqueue::add(std::uint32_t slot, PhysAddr readable, std::uint32_t readable_bytes, PhysAddr writable,
                    std::uint32_t writable_bytes) {
    const std::uint32_t first = 2 * slot;
    std::uint32_t next = first;
    const auto descriptor = [&](PhysAddr address, std::uint32_t bytes, std::uint16_t flags) {
        const std::uint64_t words[] = {
            address.value, std::uint64_t{bytes} | std::uint64_t{flags} << 32 | std::uint64_t{next + 1} << 48};
        pages_.write_words(descriptors_ + std::uint64_t{next} * ring::kDescriptorBytes, words, 2);
        ++next;
    };
    if (readable_bytes != 0) descriptor(readable, readable_bytes, writable_bytes != 0 ? ring::NEXT : std::uint16_t{0});
    if (writable_bytes != 0) descriptor(writable, writable_bytes, ring::WRITE);
    const std::size_t at = ring::kHeadBytes + 2ull * (posted_ % entries_);
    set_u16(driver_words_, at, static_cast<std::uint16_t>(first));
    pages_.write_u64(driver_ + at / 8 * 8, driver_words_[at / 8]);
    // The ring's entry is there before its index says so.
    set_u16(driver_words_, 2, ++posted_);
    pages_.write_u64(driver_, driver_words_[0]);
}

void Virtqueue::kick() { transport_.notify(index_); }

std::optional<Virtqueue::Used> Virtqueue::get() {
    const auto index = static_cast<std::uint16_t>(pages_.read_u64(device_) >> 16);
    if (index == seen_) return std::nullopt;
    // Entries begin four bytes behind a word.
    const std::uint64_t at = ring::kHeadBytes + 8ull * (seen_ % entries_);
    const std::uint64_t low = pages_.read_u64(device_ + (at - 4)), high = pages_.read_u64(device_ + (at + 4));
    ++seen_;
    return Used{static_cast<std::uint32_t>(low >> 32) / 2, static_cast<std::uint32_t>(high)};
}

}  // namespace xlate::kernel
