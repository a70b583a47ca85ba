#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "kernel-model/dma/iova.hpp"
#include "tests/corpus.hpp"

using namespace xlate;
using xlate::kernel::IovaDomain;
using xlate::kernel::IovaParams;

TEST_CASE("iova: a real kernel's trace of block I/O is reproduced address by address", "[kernel-model][iova][corpus]") {
    if (xlate::tests::skip_without("linux-boot/dt-smmuv3-dma-6.1")) return;
    std::ifstream file(*xlate::tests::corpus() / "linux-boot" / "dt-smmuv3-dma-6.1" / "truth.json");
    const nlohmann::json trace = nlohmann::json::parse(file)["dma_trace"];

    // What the trace does not show happened at probe: the driver's rings at the top, and seven pages used before and
    // free again (the first burst takes them, newest first).
    IovaParams params;
    params.bounded_depot = true;
    IovaDomain domain{params};
    for (std::uint64_t pfn = 0xFFFFF; pfn >= 0xFFFF3; --pfn)
        REQUIRE(domain.alloc_iova_fast(1, 0xFFFFF, false, 0) == pfn);
    for (const std::uint64_t pfn : {0xFFFF3, 0xFFFF4, 0xFFFF5, 0xFFFF6, 0xFFFF9, 0xFFFF8, 0xFFFF7}) {
        domain.free_iova_fast(pfn, 1, 0);
    }

    bool nvme = false;  // between the markers it is the other device's domain
    int maps = 0;
    for (const auto& event : trace) {
        const std::string kind = event["event"];
        if (kind == "marker") {
            nvme = event["text"] == "vda done";
            continue;
        }
        if (nvme) continue;
        const std::uint64_t iova = std::stoull(event["iova"].get<std::string>(), nullptr, 16);
        const std::uint64_t pages = event["size"].get<std::uint64_t>() / 4096;
        CAPTURE(event.dump());
        if (kind == "map") {
            ++maps;
            REQUIRE(domain.alloc_iova_fast(pages, 0xFFFFF, false, 0) == iova / 4096);
        } else {
            domain.free_iova_fast(iova / 4096, pages, 0);
        }
    }
    CHECK(maps == 34);
}
