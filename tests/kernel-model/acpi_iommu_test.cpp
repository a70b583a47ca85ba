// The ACPI parser and its defects in the series: kernel-probe.md 2.9, 4.4 (D-10).
#include <catch2/catch.hpp>

#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

const char* const kClient = "a000000.dma";

Board acpi_board() {
    Board board;
    board.client(0xA000000, {{board.smmu(), 0x11}});
    board.description.origin = firmware::Description::Origin::acpi;
    return board;
}

std::size_t fwspec_reports(const BoardBoot& run) {
    return run.world.k.reports.count(ReportKind::use_after_free) + run.world.k.reports.count(ReportKind::double_free);
}

}  // namespace

TEST_CASE("a named component gets its ids and its group in every kernel, from patch 10 on if D-10a is repaired",
          "[kernel][acpi]") {
    for (const char* const variant : {"base", "series-v1@9", "series-v1-fixed@10", "series-v1-fixed@17", "murphy-6.7",
                                      "linux-6.1", "linux-6.12", "mainline-6.15"}) {
        INFO(variant);
        const BoardBoot run(variant, acpi_board());
        CHECK(run.device(kClient).ids == std::vector<std::uint32_t>{0x11});
        CHECK(run.device(kClient).group == 0u);
        CHECK(run.world.k.reports.empty());
    }
}

TEST_CASE("at patches 10 to 17 a second configure of an ACPI client touches the freed fwspec (D-10a)",
          "[kernel][acpi]") {
    for (unsigned n = 9; n <= 17; ++n) {
        INFO(n);
        DeferringClient client;
        client.deferrals = 1;
        const BoardBoot run("series-v1@" + std::to_string(n), acpi_board(), {}, &client);
        CHECK((fwspec_reports(run) > 0) == (n >= 10));
    }
}

TEST_CASE("an ACPI client waits for ever for its IOMMU, in the series from patch 10 on only until the timeout (D-10b)",
          "[kernel][acpi]") {
    Board board;
    board.client(0xA000000, {{board.foreign(0x9200000), 1}});
    board.description.origin = firmware::Description::Origin::acpi;
    for (const char* const variant : {"base", "series-v1@9", "linux-6.1", "linux-6.12", "series-v1-fixed@10"}) {
        INFO(variant);
        CHECK(BoardBoot(variant, board).device(kClient).state == "deferred");
    }
    CHECK(BoardBoot("series-v1@10~D-10a", board).device(kClient).state == "bound");
}
