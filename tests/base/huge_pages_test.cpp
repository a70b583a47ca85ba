#include "base/huge_pages.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <vector>

using namespace xlate;

TEST_CASE("a block of the host is zero, can be written to its last byte, and moves with its content", "[base]") {
    for (const bool huge : {false, true}) {
        HostBlock block(std::size_t{6} << 20, huge);
        CHECK(std::all_of(block.data(), block.data() + block.size(), [](std::uint8_t byte) { return byte == 0; }));
        block.data()[block.size() - 1] = 7;
        const HostBlock moved(std::move(block));
        CHECK(moved.size() == std::size_t{6} << 20);
        CHECK(moved.data()[moved.size() - 1] == 7);
    }
}

TEST_CASE("a heap that was told what to expect gives small and large blocks as before", "[base]") {
    expect_heap(std::size_t{1} << 20);  // too little to bother
    expect_heap(std::size_t{32} << 20);
    std::vector<std::unique_ptr<std::vector<std::uint64_t>>> blocks;
    for (std::size_t i = 0; i < 1000; ++i)
        blocks.push_back(std::make_unique<std::vector<std::uint64_t>>(1 + i * 13, i));
    std::vector<std::uint8_t> large(std::size_t{80} << 20, 3);
    expect_heap(std::size_t{16} << 20);
    CHECK(large.back() == 3);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        REQUIRE(std::all_of(blocks[i]->begin(), blocks[i]->end(), [i](std::uint64_t word) { return word == i; }));
    }
}
