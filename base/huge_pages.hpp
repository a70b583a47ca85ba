// Hints for large amounts of memory that are about to be filled. First touches then cost a fault for 2 MiB instead of
// one for 4 KiB each, which for tens of megabytes is most of the time, and the host's own TLB reaches further. Where
// the host has no huge pages, nothing happens. No effect on what is computed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xlate {

/// Asks the host for huge pages behind [start, start + bytes). Only whole huge pages inside are meant, so small blocks
/// are left alone.
void prefer_huge_pages(const void* start, std::size_t bytes);

/// The heap of this process will soon hold some `bytes` more, in many small blocks: they come from huge pages. Less
/// than a few huge pages are left alone. The heap keeps what it got until the process ends; pages that nobody touches
/// cost nothing. For work that is most of its process: a simulation, the reading of a large blob.
void expect_heap(std::size_t bytes);

/// Zeroed memory of its own, given back at its end. Pages that nobody touches cost nothing.
class HostBlock {
public:
    /// Throws std::bad_alloc. `huge`: asks for huge pages.
    HostBlock(std::size_t bytes, bool huge);
    ~HostBlock();
    HostBlock(HostBlock&& other) noexcept;
    HostBlock& operator=(HostBlock&&) = delete;
    std::uint8_t* data() const { return data_; }
    std::size_t size() const { return bytes_; }

private:
    std::uint8_t* data_;
    std::size_t bytes_;
};

}  // namespace xlate
