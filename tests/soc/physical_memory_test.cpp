#include "soc/bus/physical_memory.hpp"

#include <catch2/catch.hpp>

using namespace xlate;
using soc::PhysicalMemory;

TEST_CASE("physical memory: what was written is read back, across pages and leaves, the rest is zero", "[soc]") {
    PhysicalMemory memory({{0x8000'0000, 0x4000'0000}, {0xC000'0000, 0x1000}});
    std::vector<std::uint8_t> bytes(10'000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
    const PhysAddr address{0x8800'0000 - 3000};  // a leaf ends at 0x88000000
    memory.write(address, bytes.data(), bytes.size());
    std::vector<std::uint8_t> back(bytes.size() + 2, 0xEE);
    memory.read(PhysAddr{address.value - 1}, back.data(), back.size());
    CHECK(back.front() == 0);
    CHECK(back.back() == 0);
    CHECK(std::equal(bytes.begin(), bytes.end(), back.begin() + 1));
    CHECK(memory.pages() == 3);
}

TEST_CASE("physical memory: ranges that touch are one, and nothing outside of them is memory", "[soc]") {
    const PhysicalMemory memory({{0x4000, 0x1000}, {0x1000, 0x3000}, {0x8000, 0x1000}});
    CHECK(memory.contains(PhysAddr{0x3FF8}, 16));
    CHECK_FALSE(memory.contains(PhysAddr{0x4FF8}, 16));
    CHECK_FALSE(memory.contains(PhysAddr{0x0FFF}, 1));
    CHECK_FALSE(memory.contains(PhysAddr{~std::uint64_t{0}}, 8));
    CHECK(memory.ranges().size() == 2);
    const PhysicalMemory everything({});
    CHECK(everything.contains(PhysAddr{(std::uint64_t{1} << 52) - 8}, 8));
    CHECK_FALSE(everything.contains(PhysAddr{(std::uint64_t{1} << 52) - 8}, 9));
}
