// The corpus' tables against what an independent reader found in them, and its broken ones.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "firmware/acpi/tables.hpp"
#include "tests/corpus.hpp"

using namespace xlate;
using namespace xlate::firmware;
using namespace xlate::firmware::acpi;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

json load(const fs::path& path) {
    std::ifstream stream(path);
    REQUIRE(stream);
    return json::parse(stream);
}

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

/// A node of an IORT in the corpus' words.
json facts(const IortNode& node) {
    json all = {{"offset", hex(node.offset)}, {"type", iort_type_name(node.type)}, {"length", node.length},
                {"revision", node.revision},  {"identifier", node.identifier},     {"mappings", json::array()}};
    for (const IdMapping& mapping : node.mappings) {
        all["mappings"].push_back({{"input_base", hex(mapping.input_base)},
                                   {"id_count", hex(mapping.ids())},
                                   {"output_base", hex(mapping.output_base)},
                                   {"output_reference", hex(mapping.output_reference)},
                                   {"single", mapping.single()}});
    }
    if (const auto* its = std::get_if<ItsGroup>(&node.body)) all["its_ids"] = its->ids;
    if (const auto* smmu = std::get_if<SmmuV3>(&node.body)) {
        all.update({{"base", hex(smmu->base)},
                    {"flags", hex(smmu->flags)},
                    {"vatos", hex(smmu->vatos)},
                    {"model", smmu->model},
                    {"event_gsiv", smmu->event_gsiv},
                    {"pri_gsiv", smmu->pri_gsiv},
                    {"gerror_gsiv", smmu->gerror_gsiv},
                    {"sync_gsiv", smmu->sync_gsiv}});
    }
    if (const auto* complex = std::get_if<RootComplex>(&node.body)) {
        all.update({{"cache_coherent", complex->memory.cache_coherent},
                    {"memory_flags", complex->memory.flags},
                    {"ats", complex->ats},
                    {"segment", complex->segment},
                    {"address_limit", complex->address_limit}});
    }
    return all;
}

}  // namespace

TEST_CASE("acpi corpus: every table holds what an independent reader found in it", "[firmware][acpi][corpus]") {
    if (xlate::tests::skip_without("linux-boot")) return;
    std::size_t boots = 0;
    for (const auto& entry : fs::directory_iterator(*xlate::tests::corpus() / "linux-boot")) {
        const fs::path folder = entry.path() / "acpi";
        if (!fs::exists(folder / "expected.json")) continue;
        CAPTURE(folder.string());
        ++boots;
        const json want = load(folder / "expected.json").at("tables");
        std::vector<NamedBytes> files;
        for (const auto& [name, table] : want.items()) {
            files.emplace_back(name, read_file((folder / (name + ".dat")).string()));
        }
        const Tables tables = read_tables(files);
        REQUIRE(tables.tables.size() == want.size());
        for (const Table& table : tables.tables) {
            CAPTURE(table.file);
            const json& expected = want.at(table.file);
            CHECK(table.signature == expected.at("signature"));
            CHECK(table.length == expected.at("length"));
            CHECK(table.revision == expected.at("revision"));
            CHECK(table.checksum_ok == expected.at("checksum_ok"));
            CHECK(table.file_size == expected.at("file_size"));
            CHECK_FALSE(table_title(table.signature).empty());
        }
        if (want.contains("IORT")) {
            REQUIRE(tables.iort);
            CHECK(tables.iort->node_count == want["IORT"]["node_count"]);
            json nodes = json::array();
            for (const IortNode& node : tables.iort->nodes) nodes.push_back(facts(node));
            CHECK(nodes == want["IORT"]["nodes"]);
        }
        if (want.contains("MCFG")) {
            json segments = json::array();
            for (const McfgSegment& one : tables.mcfg) {
                segments.push_back({{"base", hex(one.base)},
                                    {"segment", one.segment},
                                    {"bus_start", one.bus_start},
                                    {"bus_end", one.bus_end}});
            }
            CHECK(segments == want["MCFG"]["segments"]);
        }
    }
    xlate::tests::went_over(boots, "boot from ACPI");
}

TEST_CASE("acpi corpus: every requester id has the stream id that Linux gave it", "[firmware][acpi][corpus]") {
    if (xlate::tests::skip_without("linux-boot")) return;
    std::size_t ids = 0;
    for (const auto& entry : fs::directory_iterator(*xlate::tests::corpus() / "linux-boot")) {
        if (!fs::exists(entry.path() / "acpi" / "IORT.dat")) continue;
        CAPTURE(entry.path().string());
        const Tables tables = read_tables({{"IORT", read_file((entry.path() / "acpi" / "IORT.dat").string())}});
        const std::optional<std::size_t> complex = tables.iort->root_complex(0);
        REQUIRE(complex);
        const json truth = load(entry.path() / "truth.json");
        for (const json& device : truth.at("devices")) {
            if (device.at("bus") != "pci" || device.at("stream_ids").is_null()) continue;
            CAPTURE(device.at("name").dump());
            const auto rid = static_cast<std::uint32_t>(std::stoul(device.at("rid").get<std::string>(), nullptr, 16));
            const auto found = map_to_smmu(*tables.iort, *complex, rid);
            REQUIRE(found);
            CHECK(hex(found->id) == device.at("stream_ids").at(0).get<std::string>());
            ++ids;
        }
        // The count of the table is one too high: the first id behind the buses that exist goes past the SMMU.
        const IdMapping& first = tables.iort->nodes[*complex].mappings.front();
        CHECK_FALSE(map_to_smmu(*tables.iort, *complex, first.input_base + first.count));
    }
    xlate::tests::went_over(ids, "id of a function behind an IORT");
}

TEST_CASE("acpi corpus: broken tables are refused or noted, as they deserve", "[firmware][acpi][corpus]") {
    if (xlate::tests::skip_without("broken")) return;
    const fs::path folder = *xlate::tests::corpus() / "broken";
    std::size_t files = 0;
    const json broken = load(folder / "broken.json");
    for (const json& one : broken.at("files")) {
        const std::string file = one.at("file");
        if (fs::path(file).extension() != ".dat") continue;
        CAPTURE(file);
        ++files;
        const std::string verdict = one.at("blob");
        try {
            const Tables tables = read_tables({{file, read_file((folder / file).string())}});
            CHECK(verdict != "reject");
            CHECK_FALSE(tables.oddities.empty());
            for (const Oddity& oddity : tables.oddities) CHECK(oddity.path.rfind(file + "+0x", 0) == 0);
        } catch (const InputError& error) {
            CHECK(verdict != "accept");
            CHECK(error.status() == ExitStatus::bad_firmware);
            REQUIRE(error.findings().size() == 1);
            CHECK(error.findings().front().where.file == file);
            CHECK(error.findings().front().where.offset);
        }
    }
    xlate::tests::went_over(files, "broken table");

    const Tables outside = read_tables({{"i", read_file((folder / "iort-mapping-reference-outside.dat").string())}});
    const std::size_t complex = outside.iort->root_complex(0).value();
    CHECK_FALSE(outside.iort->nodes[complex].mappings[0].target);
    CHECK_FALSE(map_to_smmu(*outside.iort, complex, 8));
}
