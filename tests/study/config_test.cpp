#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "study/config/config.hpp"
#include "study/config/pci_config.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

const std::string kFirmware = "firmware: {devicetree: x.dtb}\n";

Config read(const std::string& text, const std::vector<Override>& overrides = {}) {
    return parse_config(kFirmware + text, "x.yaml", overrides);
}
std::string refusal(const std::string& text, const std::vector<Override>& overrides = {}) {
    try {
        read(text, overrides);
    } catch (const InputError& error) {
        CHECK(error.status() == ExitStatus::usage);
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("config: everything has a default", "[study][config]") {
    const Config config = read("");
    CHECK(config.name == "x");
    CHECK(config.kernel.variant == "linux-6.12");
    CHECK(config.soc.memory.latency == ns(60));
    CHECK(config.soc.memory.banks == 16);
    CHECK(config.soc.interconnect.width_bytes == 16);
    CHECK(config.soc.interconnect.request_latency == Cycles{5});
    CHECK(config.seed == 1);
    CHECK(config.soc.pci.empty());
    CHECK_FALSE(config.given("soc.pci"));
}

TEST_CASE("config: a named TBU starts from the others' parameters", "[study][config]") {
    const Config config = read(R"(
soc:
  iommu:
    tbu: { link_to_tcu: 20 cycles, xlate_slots: 8 }
    tbus:
      a000000.dma: { link_to_tcu: 50 cycles, tlb: { entries: 64, ways: 2 } }
traffic:
  - { device: a000000.dma }
)");
    const soc::IommuParams& smmu = config.soc.iommu.params;
    CHECK(smmu.tbu.link_to_tcu.count == 20);
    REQUIRE(smmu.tbus.count("a000000.dma") == 1);
    const soc::PortParams& own = smmu.tbu_of("a000000.dma");
    CHECK(own.link_to_tcu.count == 50);
    CHECK(own.xlate_slots == 8);
    CHECK(own.main_tlb.shape.entries == 64);
    CHECK(own.main_tlb.shape.ways == 2);
    CHECK(smmu.tbu_of("b000000.dma").link_to_tcu.count == 20);
}

TEST_CASE("config: features of an SMMU become its ID registers' fields", "[study][config]") {
    const auto features = [](const char* text) { return read(text).soc.iommu.params.hardware.smmuv3; };
    CHECK(features("").ecmdq == 0);
    const auto eight = features("soc: { iommu: { features: { ecmdq: 8 } } }");
    CHECK(eight.ecmdq == 1);
    CHECK(eight.ecmdq_log2nump == 0);
    CHECK(eight.ecmdq_log2numq == 3);
    // A PRI queue of one entry is none.
    CHECK(features("soc: { iommu: { features: { pri: true } } }").priqs == 19);
    CHECK(features("").priqs == 0);
    CHECK(features("soc: { iommu: { features: { like: full } } }").ds == 1);
}

TEST_CASE("config: the example of the design page reads as it says", "[study][config]") {
    const Config config = read(R"(
soc:
  clocks:       { system: 1 GHz }
  interconnect: { kind: crossbar, width: 16 B, latency: 5 cycles }
  memory:       { kind: dram, latency: 60 ns, bandwidth: 25.6 GB/s, banks: 16 }
  iommus:
    /smmuv3@9050000: { tbu: {tlb: {entries: 32}}, tcu: {tlb: {entries: 2048, ways: 4}, walk_slots: 16} }
  pci:
    - { slot: "00:01.0", kind: endpoint, driver: nvme }
    - { slot: "00:05.0", kind: root-port, acs: true, below: [ { slot: "00.0", kind: endpoint, driver: virtio-net } ] }
kernel:
  variant: series-v1@17
  cpus: 4
  modules: [ {name: arm-smmu-v3, at: 0 ns}, {name: nvme, at: 0 ns} ]
  parameters: { iommu.passthrough: 0, iommu.strict: 1 }
traffic:
  - { device: "0000:00:01.0", pattern: random, read: 70%, size: 64 B, working_set: 16 MiB, outstanding: 32, transfers: 100000 }
expect:
  - kernel.oops == 0
  - masters["0000:00:01.0"].latency_ns.p99 < 900
)");
    const soc::IommuParams& smmu = config.soc.iommus.at("/smmuv3@9050000").params;
    CHECK(smmu.tbu.main_tlb.shape.entries == 32);
    CHECK(smmu.tcu.tlb.shape.enabled);
    CHECK(smmu.tcu.tlb.shape.ways == 4);
    CHECK(smmu.tcu.walk_slots == 16);
    REQUIRE(config.soc.pci.size() == 2);
    CHECK(config.soc.pci[1].kind == PciConfig::Kind::root_port);
    CHECK(config.soc.pci[1].acs == PciConfig::Acs::yes);
    CHECK(config.soc.pci[1].below.at(0).driver == "virtio-net");
    CHECK(config.kernel.modules.at(1).name == "nvme");
    CHECK(config.kernel.parameters.at("iommu.strict") == "1");
    REQUIRE(config.traffic.size() == 1);
    CHECK(config.traffic[0].params.pattern == soc::Pattern::random);
    CHECK(config.traffic[0].params.read_share.numerator * 10 == config.traffic[0].params.read_share.denominator * 7);
    CHECK(config.traffic[0].working_set_bytes == 16U << 20);
    CHECK(config.traffic[0].params.transfers == 100000);
    CHECK(config.expect.size() == 2);
}

TEST_CASE("config: all wrong keys and values are one report with places", "[study][config]") {
    const std::string message = refusal(R"(soc:
  memory: {latency: 60, banks: 010, bandwith: 1 GB/s}
traffic:
  - {device: "a", outstandig: 3, pattern: randm}
kernal: {}
)");
    CHECK(message.find("x.yaml:3:21: soc.memory.latency: ") != std::string::npos);
    CHECK(message.find("x.yaml:3:32: soc.memory.banks: ") != std::string::npos);
    CHECK(message.find("x.yaml:3:37: soc.memory.bandwith: unknown key; did you mean 'bandwidth'?") !=
          std::string::npos);
    CHECK(message.find("x.yaml:5:19: traffic[0].outstandig: unknown key; did you mean 'outstanding'?") !=
          std::string::npos);
    CHECK(message.find("x.yaml:5:43: traffic[0].pattern: found 'randm'; expected one of linear, strided, random, "
                       "trace; did you mean "
                       "'random'?") != std::string::npos);
    CHECK(message.find("x.yaml:6:1: kernal: unknown key; did you mean 'kernel'?") != std::string::npos);
}

TEST_CASE("config: what fits its type but not the rest is refused", "[study][config]") {
    CHECK(refusal("traffic: [{size: 64}]").find("traffic[0]: key 'device' is missing") != std::string::npos);
    CHECK(refusal("traffic: [{device: a}, {device: a}]").find("traffic[1].device: 'a' has traffic already") !=
          std::string::npos);
    CHECK(refusal("rogues: [{device: a}]").find("'a' has no traffic") != std::string::npos);
    CHECK(refusal("traffic: [{device: a, outstanding: 0}]").find("0 is out of range; expected 1 to 65536") !=
          std::string::npos);
    CHECK_THROWS_AS(parse_config("seed: 1", "x.yaml"), InputError);
    CHECK_THROWS_AS(parse_config("firmware: {devicetree: a, acpi: [b]}", "x.yaml"), InputError);
    CHECK_THROWS_AS(parse_config("[]", "x.yaml"), InputError);
}

TEST_CASE("config: an ATC is there when its entries are given, and ID registers can be chosen one by one",
          "[study][config]") {
    const Config config = read(
        "soc: {pci: [{slot: '01.0', atc: {entries: 32}}, {slot: '02.0'},"
        " {slot: '05.0', kind: root-port, below: [{slot: '00.0', atc: {entries: 8}}]},"
        " {slot: '06.0', atc: {entries: 8, enabled: false}}],"
        " iommu: {features: {like: mmu-600-like, pri: false, ril: true}}}");
    CHECK(config.soc.pci.at(0).atc.shape.enabled);
    CHECK(config.soc.pci.at(0).atc.shape.entries == 32);
    CHECK_FALSE(config.soc.pci.at(1).atc.shape.enabled);
    CHECK(config.soc.pci.at(2).below.at(0).atc.shape.enabled);
    CHECK_FALSE(config.soc.pci.at(3).atc.shape.enabled);
    const iommu::smmuv3::Features& features = config.soc.iommu.params.hardware.smmuv3;
    CHECK(features.ats == 1);
    CHECK(features.s2p == 1);
    CHECK(features.pri == 0);
    CHECK(features.ril == 1);
    CHECK(read("").soc.iommu.params.hardware.smmuv3.ats == 0);
}

TEST_CASE("config: --set overrides and is named as origin", "[study][config]") {
    Config config = read("soc: {memory: {latency: 60 ns}}",
                         {parse_override("soc.memory.latency=80 ns"), parse_override("traffic=[{device: a}]"),
                          parse_override("traffic[0].size=4 KiB"), parse_override("kernel.parameters.iommu.strict=0")});
    CHECK(config.soc.memory.latency == ns(80));
    CHECK(config.traffic.at(0).params.size_bytes == 4096);
    CHECK(config.kernel.parameters.at("iommu.strict") == "0");
    bool found = false;
    for (const ParameterRow& row : list_parameters(config)) {
        if (row.path != "soc.memory.latency") continue;
        found = true;
        CHECK(row.value == "80 ns");
        CHECK(row.origin.find("--set soc.memory.latency") == 0);
    }
    CHECK(found);
    CHECK(refusal("", {parse_override("soc.memory.latncy=1 ns")}).find("did you mean 'latency'?") != std::string::npos);
    CHECK_THROWS_AS(parse_override("no equals sign"), InputError);
    CHECK(parse_override("a[\"b=c\"].d=e=f").path == "a[\"b=c\"].d");
}

TEST_CASE("config: the resolved config reads back to the same values", "[study][config]") {
    Config config = read(R"(
soc:
  clocks: {system: 3 GHz}
  iommus: {"/smmu@1": {preset: tiny, tbu: {tlb: {entries: 8}}}}
  pci: [{slot: "00:05.0", kind: root-port, acs: false, below: [{slot: "00.0"}, {slot: "00.1"}]}]
kernel: {parameters: {iommu.strict: 1}, modules: [{name: nvme, at: 2.5 us}]}
traffic: [{device: "0000:00:01.0", read: 70%, interval: 0, unmap: {after: 10 us}}, {device: b}]
expect: ["kernel.oops == 0", "masters[\"x\"].reads > 1"]
)");
    const std::string first = resolved_yaml(config);
    Config again = parse_config(first, "x.yaml");
    std::vector<ParameterRow> rows = list_parameters(config);
    std::vector<ParameterRow> rows_again = list_parameters(again);
    REQUIRE(rows.size() == rows_again.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CHECK(rows[i].path == rows_again[i].path);
        CHECK(rows[i].value == rows_again[i].value);
    }
    CHECK(rows.size() > 150);
    for (const ParameterRow& row : rows) {
        INFO(row.path);
        CHECK_FALSE((row.sentence.empty() && row.path.find("expect") == std::string::npos));
    }
}

TEST_CASE("config: the schema is JSON and knows every key", "[study][config]") {
    const auto schema = nlohmann::json::parse(config_schema());
    CHECK(schema["properties"]["soc"]["properties"]["memory"]["properties"].contains("latency"));
    CHECK(schema["definitions"]["pci"]["properties"]["below"]["items"]["$ref"] == "#/definitions/pci");
    CHECK(schema["definitions"]["iommu"]["properties"]["tcu"]["properties"].contains("walk_slots"));
    CHECK(schema["properties"]["study"]["properties"].contains("vary"));
    // The words of any family for its parts.
    for (const auto& place : {schema["definitions"]["iommu"], schema["properties"]["soc"]["properties"]["iommu"]}) {
        CHECK(place["properties"]["core"]["properties"] == place["properties"]["tcu"]["properties"]);
        CHECK(place["properties"]["port"]["properties"] == place["properties"]["tbu"]["properties"]);
        CHECK(place["properties"]["ports"]["additionalProperties"] ==
              place["properties"]["tbus"]["additionalProperties"]);
    }
    CHECK(schema["additionalProperties"] == false);
}

TEST_CASE("config: values are written as they would be read", "[study][config]") {
    CHECK(format_bytes(4096) == "4 KiB");
    CHECK(format_bytes(0) == "0 B");
    CHECK(format_bytes(1500) == "1500 B");
    CHECK(format_time(SimTime{2'500'000}) == "2.5 ns");
    CHECK(format_time(SimTime{}) == "0 ns");
    CHECK(format_time(SimTime{1}) == "1 fs");
    CHECK(format_time(us(20)) == "20 us");
    CHECK(format_clock(ClockPeriod{333'333}) == "3 GHz");
    CHECK(format_clock(ClockPeriod{1'250'000}) == "800 MHz");
    CHECK(format_bandwidth(25'600'000'000) == "25.6 GB/s");
    CHECK(format_ratio({70, 100}) == "70%");
    CHECK(format_ratio({1, 3}) == "1/3");
    CHECK(format_cycles(Cycles{1}) == "1 cycle");
    for (const std::uint64_t fs :
         {1ULL, 999ULL, 1000ULL, 123456ULL, 60'000'000ULL, 1'500'000'000ULL, 60'000'000'000'000'000ULL}) {
        CHECK(parse_time(format_time(SimTime{fs})).value().fs == fs);
    }
}

TEST_CASE("config: numbers of buses that firmware has set", "[study][config]") {
    const auto seats = [](const std::string& pci) {
        const Config config = parse_config("firmware: {devicetree: x.dtb}\nsoc: {pci: " + pci + "}\n", "x.yaml");
        yaml::Findings findings;
        const std::vector<kernel::PciRoot> roots = make_pci_roots(config, findings);
        findings.throw_if_any();
        std::string names;
        for (const PciSeat& seat : seat_pci_functions(roots)) names += seat.name + " ";
        return names;
    };
    const std::string ports =
        "[{slot: \"00:01.0\", kind: root-port, below: [{slot: \"%1\"}]}, "
        "{slot: \"00:02.0\", kind: root-port, below: [{slot: \"%2\"}, {slot: \"%3\"}]}]";
    const auto with = [&](const std::string& a, const std::string& b, const std::string& c) {
        std::string text = ports;
        text.replace(text.find("%1"), 2, a);
        text.replace(text.find("%2"), 2, b);
        text.replace(text.find("%3"), 2, c);
        return text;
    };
    CHECK(seats(with("00.0", "2d:00.0", "00.1")) ==
          "0000:00:01.0 0000:00:02.0 0000:01:00.0 0000:2d:00.0 0000:2d:00.1 ");
    CHECK(seats(with("05:00.0", "00.0", "00.1")) ==
          "0000:00:01.0 0000:00:02.0 0000:05:00.0 0000:06:00.0 0000:06:00.1 ");
    CHECK_THROWS_WITH(seats(with("05:00.0", "04:00.0", "00.1")),
                      Catch::Contains("soc.pci[1].below[0].slot: bus 04 is taken: the buses before it go up to 05"));
    CHECK_THROWS_WITH(
        seats(with("00.0", "04:00.0", "05:00.1")),
        Catch::Contains("soc.pci[1].below[1].slot: bus 05, and another one behind the same bridge is on bus 04"));
    CHECK_THROWS_WITH(seats(with("0000:05:00.0", "00.0", "00.1")),
                      Catch::Contains("found '0000:05:00.0' behind a bridge"));
}
