// A generated board reads back as what was asked for.
#include <catch2/catch.hpp>

#include <set>
#include <string>

#include "base/error.hpp"
#include "firmware/description.hpp"
#include "firmware/generate_board.hpp"

using namespace xlate;
using namespace xlate::firmware;

namespace {

Description board_of(const BoardSpec& spec) { return read_device_tree(generate_board(spec), "generated"); }

const Node& at(const Description& description, const std::string& path) {
    INFO(path);
    const auto found = description.find_path(path);
    REQUIRE(found);
    return description.node(*found);
}

BoardSpec::Master master(const std::string& name, std::uint32_t count, const std::string& iommu, std::uint32_t ids) {
    BoardSpec::Master made;
    made.name = name;
    made.count = count;
    made.iommu = iommu;
    made.ids = ids;
    return made;
}

void check_error(const BoardSpec& spec, const std::string& path, const std::string& what) {
    try {
        generate_board(spec);
        FAIL("no error: " << path);
    } catch (const InputError& error) {
        INFO(error.what());
        CHECK(error.status() == ExitStatus::usage);
        REQUIRE_FALSE(error.findings().empty());
        CHECK(error.findings()[0].path == path);
        CHECK(error.findings()[0].text().find(what) != std::string::npos);
    }
}

}  // namespace

TEST_CASE("generated board: the default has four CPUs, an SMMU, a PCIe host behind it, and nothing odd", "[firmware]") {
    const Description board = board_of({});
    CHECK(board.oddities.empty());
    REQUIRE(board.memory.size() == 1);
    CHECK(board.memory[0].base == 0x4000'0000);
    CHECK(board.memory[0].size == std::uint64_t{1} << 30);
    CHECK(at(board, "/cpus").children.size() == 4);
    const Node& smmu = at(board, "/soc/iommu@9050000");
    CHECK(smmu.is_compatible("arm,smmu-v3"));
    CHECK(smmu.iommu_cells == 1U);
    CHECK(smmu.interrupts.size() == 4);
    CHECK(smmu.regs.at(0).cpu_address == 0x905'0000U);
    const Node& host = at(board, "/soc/pcie@4010000000");
    REQUIRE(host.iommu_map);
    REQUIRE(host.iommu_map->rows.size() == 1);
    CHECK(host.iommu_map->rows[0].length == 0x8000);
    CHECK(host.regs.at(0).size == std::uint64_t{128} << 20);  // a MiB a bus
}

TEST_CASE("generated board: masters get addresses and stream IDs of their own, behind the IOMMU that is named",
          "[firmware]") {
    BoardSpec spec;
    spec.iommus = {{"display"}, {"cluster"}};
    spec.masters = {master("video", 1, "", 1), master("gpu", 3, "cluster", 2), master("uart", 1, "none", 1),
                    master("jpeg", 2, "display", 1)};
    spec.masters[3].coherent = false;
    spec.pcie = {{"display"}, {"display"}, {"none"}};
    const Description board = board_of(spec);
    CHECK(board.oddities.empty());
    const auto ids = [&](const std::string& path) {
        std::string text;
        for (const IommuEntry& entry : at(board, path).iommus) {
            text += board.node(*entry.provider).name + ":" + std::to_string(entry.args.at(0)) + " ";
        }
        return text;
    };
    CHECK(ids("/soc/video@a000000") == "iommu@9050000:32768 ");  // above the requester IDs of two hosts
    CHECK(ids("/soc/gpu@a010000") == "iommu@9070000:0 iommu@9070000:1 ");
    CHECK(ids("/soc/gpu@a030000") == "iommu@9070000:4 iommu@9070000:5 ");
    CHECK(ids("/soc/uart@a040000").empty());
    CHECK(ids("/soc/jpeg@a060000") == "iommu@9050000:32770 ");
    CHECK(at(board, "/soc/gpu@a010000").dma_coherent);
    CHECK_FALSE(at(board, "/soc/jpeg@a060000").dma_coherent);
    // Two hosts share what they have.
    const Node& second = at(board, "/soc/pcie@4020000000");
    CHECK(second.iommu_map->rows.at(0).out == 0x4000);
    CHECK(second.iommu_map->rows.at(0).length == 0x4000);
    CHECK_FALSE(at(board, "/soc/pcie@4030000000").iommu_map);
}

TEST_CASE("generated board: as large as it gets, nothing overlaps", "[firmware]") {
    BoardSpec spec;
    spec.cpus = kMaxBoardCpus;
    spec.iommus.clear();
    for (std::size_t i = 0; i < kMaxBoardIommus; ++i) spec.iommus.push_back({"smmu" + std::to_string(i)});
    spec.masters = {master("m", kMaxBoardMasters, "smmu63", 64)};
    spec.pcie.assign(kMaxBoardHosts, {"smmu0"});
    spec.memory_bytes = std::uint64_t{200} << 30;
    const Description board = board_of(spec);
    CHECK(board.oddities.empty());
    std::set<std::pair<std::uint64_t, std::uint64_t>> places{
        {board.memory[0].base, board.memory[0].base + board.memory[0].size}};
    const Node& soc = at(board, "/soc");
    CHECK(soc.children.size() == 1 + kMaxBoardIommus + kMaxBoardMasters + kMaxBoardHosts);
    std::size_t ids = 0;
    for (const NodeIndex child : soc.children) {
        ids += board.node(child).iommus.size();
        for (const Reg& reg : board.node(child).regs) places.insert({*reg.cpu_address, *reg.cpu_address + reg.size});
    }
    CHECK(ids == 65'536);
    std::uint64_t end = 0;
    for (const auto& [from, to] : places) {
        CHECK(from >= end);
        end = to;
    }
}

TEST_CASE("generated board: what cannot be is named", "[firmware]") {
    BoardSpec spec;
    spec.cpus = 65;
    check_error(spec, "cpus", "65 are out of range; expected 1 to 64");
    spec = {};
    spec.iommus = {{"a"}, {"a"}};
    check_error(spec, "iommus[1].name", "'a' is iommus[0] already");
    spec.iommus = {{"none"}};
    check_error(spec, "iommus[0].name", "'none' means that there is none");
    spec = {};
    spec.masters = {master("gpu", 1, "smmuu", 1)};
    check_error(spec, "masters[0].iommu", "did you mean 'smmu'?");
    for (const char* name : {"", "a@b", "1st", "a/b", "a b", "an-extremely-long-name-for-a-node"}) {
        spec.masters = {master(name, 1, "", 1)};
        check_error(spec, "masters[0].name", "names no node");
    }
    spec.masters = {master("gpu", 1024, "", 1), master("one", 1, "", 1)};
    check_error(spec, "masters", "1025 are out of range");
    spec.masters = {master("gpu", 1024, "", 33)};
    check_error(spec, "masters[0].ids", "'smmu' has no stream IDs left");
    spec = {};
    spec.pcie.assign(9, {});
    check_error(spec, "pcie", "9 are out of range");
    spec.pcie = {{"nowhere"}};
    check_error(spec, "pcie[0].iommu", "there is no IOMMU 'nowhere'");
    spec = {};
    spec.memory_base = 0x1000'0000;
    check_error(spec, "memory", "collides with devices");
    spec.memory_base = 0x4000'0000;
    spec.memory_bytes = std::uint64_t{300} << 30;
    check_error(spec, "memory", "collides with devices");
    spec.memory_base = ~std::uint64_t{0} - 4096;
    check_error(spec, "memory", "collides with devices");
}
