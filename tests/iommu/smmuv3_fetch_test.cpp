// Several commands in one fetch: the same effects, and nothing old after an error.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

SmmuParams four_at_once() {
    SmmuParams params = Bench::params(Bench::features_44());
    params.commands_per_fetch = 4;
    return params;
}

void put(Bench& bench, std::uint32_t place, const CommandWords& words) {
    bench.memory.store(Bench::kCmdq + 16 * place, words[0]);
    bench.memory.store(Bench::kCmdq + 16 * place + 8, words[1]);
}

}  // namespace

TEST_CASE("smmuv3 commands: a fetch reads what is there, within 64 bytes", "[iommu][smmuv3]") {
    Bench bench(four_at_once());
    for (std::uint32_t i = 0; i < 7; ++i) put(bench, i, command::cfgi_all());
    bench.smmu.write_register(reg::CMDQ_PROD, 4, 7);
    std::vector<std::uint32_t> sizes;
    Reply reply;
    while (bench.smmu.commands_pending()) {
        const Step& step = bench.smmu.step_commands(reply);
        if (step.kind != StepKind::access) continue;
        sizes.push_back(step.access.size);
        serve(step.access, bench.memory, reply);
    }
    // Places 0 to 3, then 4 and 5 (three would be no size of an access), then 6.
    CHECK(sizes == std::vector<std::uint32_t>{64, 32, 16});
    CHECK(bench.read(reg::CMDQ_CONS) == 7);
}

TEST_CASE("smmuv3 commands: after an error the queue is read again from CONS", "[iommu][smmuv3]") {
    Bench bench(four_at_once());
    put(bench, 0, command::cfgi_all());
    put(bench, 1, {0xFF, 0});
    put(bench, 2, {0xFE, 0});
    put(bench, 3, command::sync(0));
    bench.write(reg::CMDQ_PROD, 4);
    CHECK(bench.read(reg::CMDQ_CONS) == (1U << 24 | 1));
    put(bench, 1, command::cfgi_all());
    put(bench, 2, command::cfgi_all());
    bench.write(reg::GERRORN, bench.read(reg::GERROR));
    CHECK((bench.read(reg::CMDQ_CONS) & 0xFFFF) == 4);
    CHECK(bench.read(reg::GERROR) == bench.read(reg::GERRORN));
}

TEST_CASE("smmuv3 commands: what was fetched is forgotten when the queue goes off", "[iommu][smmuv3]") {
    Bench bench(four_at_once());
    put(bench, 0, command::cfgi_all());
    for (std::uint32_t i = 1; i < 4; ++i) put(bench, i, {0xFF, 0});
    bench.smmu.write_register(reg::CMDQ_PROD, 4, 4);
    Reply reply;
    serve(bench.smmu.step_commands(reply).access, bench.memory, reply);
    REQUIRE(bench.smmu.step_commands(reply).kind == StepKind::executed);
    bench.smmu.write_register(reg::CR0, 4, bench.read(reg::CR0) & ~cr0::CMDQEN.mask());
    bench.settle();
    CHECK((bench.read(reg::CR0ACK) & cr0::CMDQEN.mask()) == 0);
    CHECK(bench.read(reg::CMDQ_CONS) == 1);
    for (std::uint32_t i = 1; i < 4; ++i) put(bench, i, command::cfgi_all());
    bench.write(reg::CR0, bench.read(reg::CR0) | cr0::CMDQEN.mask());
    CHECK(bench.read(reg::CMDQ_CONS) == 4);
}
