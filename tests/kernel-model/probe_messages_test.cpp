// What the driver core prints of probes that fail or wait. Wordings: recorded boots of 6.1, 6.12 and 7.3, and the
// changes of 6.8 (the reason of what is pending) and 6.10 (failed probes by dev_err).
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

Board one_client() {
    Board board;
    board.client(0xA000000, {{board.smmu(), 1}});
    return board;
}

const char* const kSmmu = "9050000.smmuv3";

/// A boot in which what the SMMU needs is not there: what asks for suppliers answers this of it.
std::string console_of(int answer) {
    const Board board = one_client();
    BoardKernel kernel("linux-6.12", board.description, {});
    kernel.boot.drivers().firmware_suppliers = [answer](Device& dev) {
        if (dev.name != kSmmu) return 0;
        dev.deferred_reason = "supplier 8c0000.power-controller not ready";
        return answer;
    };
    kernel.run();
    return kernel.world.k.console.text();
}

}  // namespace

TEST_CASE("a probe that fails is told by the driver's and the device's name, but not -ENODEV or -ENXIO",
          "[kernel][driver]") {
    struct Refusing : ClientDriver {
        int answer = 0;
        int probe(Device&, const TrafficPlan*) override { return answer; }
        void remove(Device&) override {}
    };
    // The wordings of corpus/linux-boot-families/dt-omap-badtlb-6.1 and -6.12; the newer one came with 6.10.
    for (const auto& [variant, line] :
         {std::pair("linux-6.1", "generic-client: probe of a000000.dma failed with error -22"),
          std::pair("mainline-6.8", "generic-client: probe of a000000.dma failed with error -22"),
          std::pair("mainline-6.11",
                    "generic-client a000000.dma: probe with driver generic-client failed with error -22"),
          std::pair("linux-7.3",
                    "generic-client a000000.dma: probe with driver generic-client failed with error -22")}) {
        INFO(variant);
        Refusing client;
        client.answer = -kEINVAL;
        CHECK(BoardBoot(variant, one_client(), {}, &client).world.k.console.text().find(line) != std::string::npos);
        for (const int quiet : {-kENODEV, -kENXIO, -kEPROBE_DEFER}) {
            INFO(quiet);
            client.answer = quiet;
            const BoardBoot run(variant, one_client(), {}, &client);
            CHECK(run.world.k.console.text().find("failed with error") == std::string::npos);
        }
    }
}

TEST_CASE("what is still deferred at the timeout is told with its reason, if it has one", "[kernel][driver]") {
    DeferringClient client;
    client.deferrals = 1'000;
    for (const auto& [variant, line] :
         {std::pair("linux-6.1", "platform a000000.dma: deferred probe pending\n"),
          std::pair("linux-6.12", "platform a000000.dma: deferred probe pending: (reason unknown)\n")}) {
        INFO(variant);
        const BoardBoot run(variant, one_client(), {}, &client);
        CHECK(run.world.k.console.text().find(line) != std::string::npos);
    }
}

// corpus/linux-boot-newer/dt-smmuv2-fake-wait-7.3 has this form.
TEST_CASE("what waits for a supplier at the timeout names it behind the bus", "[kernel][driver]") {
    const std::string text = console_of(-kEPROBE_DEFER);
    INFO(text);
    CHECK(text.find("platform 9050000.smmuv3: deferred probe pending: platform: supplier 8c0000.power-controller not "
                    "ready\n") != std::string::npos);
}

// genpd_dev_pm_attach(), in the bus' probe.
TEST_CASE("a power domain that is given up fails the probe with the device's driver set", "[kernel][driver]") {
    const std::string text = console_of(-kETIMEDOUT);
    INFO(text);
    const std::size_t said = text.find("arm-smmu-v3 9050000.smmuv3: deferred probe timeout, ignoring dependency\n");
    const std::size_t failed =
        text.find("arm-smmu-v3 9050000.smmuv3: probe with driver arm-smmu-v3 failed with error -110\n");
    CHECK(said != std::string::npos);
    CHECK(failed != std::string::npos);
    CHECK(said < failed);
}
