// arch_setup_dma_ops in whole boots, and DMA through ARM32's own mappings: docs/spec/kernel-probe.md 2.7, 2.8, 4.2.
#include <catch2/catch.hpp>

#include <string>

#include "kernel-model/arch/arch.hpp"
#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

constexpr const char* kClient = "a000000.dma";

Board one_client() {
    Board board;
    board.client(0xA000000, {{board.smmu(), 0x11}});
    return board;
}

BootConfig on(Arch arch) {
    BootConfig config;
    config.arch = arch;
    return config;
}

unsigned lines_with(const BoardBoot& run, const std::string& part) {
    unsigned count = 0;
    for (const ConsoleLine& line : run.world.k.console.lines()) {
        if (line.text.find(part) != std::string::npos) ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("a boot's architecture decides the domain of its groups", "[kernel][arch]") {
    for (const char* const variant : {"base", "series-v1-fixed@1", "series-v1-fixed@17", "linux-6.12"}) {
        INFO(variant);
        CHECK(BoardBoot(variant, one_client()).device(kClient).domain == DomainType::dma);
        CHECK(BoardBoot(variant, one_client(), on(Arch::arm)).device(kClient).domain == DomainType::unmanaged);
        for (const Arch arch : {Arch::arm_nommu, Arch::arc, Arch::mips, Arch::riscv}) {
            INFO(arch_row(arch).name);
            CHECK(BoardBoot(variant, one_client(), on(arch)).device(kClient).domain == DomainType::identity);
        }
    }
    // The generic DMA layer came to riscv in 6.13.
    CHECK(BoardBoot("mainline-6.15", one_client(), on(Arch::riscv)).device(kClient).domain == DomainType::dma);
}

TEST_CASE("a failed parse that counts as configured (R9) no longer makes the architecture believe in an IOMMU",
          "[kernel][arch]") {
    Board board;
    const auto smmu = board.smmu();
    const auto off = board.foreign(0x9200000);
    board.description.nodes[firmware::index(off)].available = false;
    board.client(0xA000000, {{smmu, 1}, {off, 2}});
    for (const char* const variant : {"base", "series-v1@1", "series-v1@2"}) {
        INFO(variant);
        DeferringClient client;
        client.deferrals = 1;
        const BoardBoot run(variant, board, {}, &client);
        CHECK(run.device(kClient).state == "bound");
        CHECK(!run.device(kClient).group);
        const bool base = std::string(variant) == "base";
        CHECK(lines_with(run, "retaining platform DMA ops") == (base ? 1 : 0));
    }
}

TEST_CASE("every architecture has a row in the order of its names", "[kernel][arch]") {
    unsigned at = 0;
    for (const ArchRow& row : arch_rows()) {
        CHECK(static_cast<unsigned>(row.arch) == at++);
        CHECK(find_arch(row.name) == &row);
        CHECK(&arch_row(row.arch) == &row);
    }
    CHECK(find_arch("sparc") == nullptr);
}
