// A hint for large blocks of memory that are about to be filled.
#pragma once

#include <cstddef>

namespace xlate {

/// Asks the host for huge pages behind [start, start + bytes): first touches then cost a fault for 2 MiB instead of one
/// for 4 KiB each, which for tens of megabytes is most of the time. Only whole huge pages inside are meant, so small
/// blocks are left alone; where the host has none, nothing happens. No effect on what is computed.
void prefer_huge_pages(const void* start, std::size_t bytes);

}  // namespace xlate
