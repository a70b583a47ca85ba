#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;

TEST_CASE("config show: every parameter with value, origin and sentence", "[cli]") {
    const Scratch scratch;
    scratch.file("x.yaml", "firmware: {devicetree: x.dtb}\nsoc: {memory: {latency: 80 ns}}\n");
    const Said said = run_xlate(scratch, "config show x.yaml --set seed=7");
    CHECK(said.status == 0);
    CHECK(said.out.find("soc.memory.latency") != std::string::npos);
    CHECK(said.out.find("x.yaml:2:25") != std::string::npos);
    CHECK(said.out.find("--set seed") != std::string::npos);
    CHECK(said.out.find("soc.memory.banks                             16                 default") !=
          std::string::npos);
}

TEST_CASE("config diff: what differs, and status 1 if something does", "[cli]") {
    const Scratch scratch;
    scratch.file("a.yaml", "firmware: {devicetree: x.dtb}\n");
    scratch.file("b.yaml", "firmware: {devicetree: x.dtb}\nname: a\nsoc: {memory: {latency: 80 ns}}\n");
    const Said said = run_xlate(scratch, "config diff a.yaml b.yaml");
    CHECK(said.status == 1);
    CHECK(said.out == "soc.memory.latency: 60 ns -> 80 ns\n");
    CHECK(run_xlate(scratch, "config diff a.yaml a.yaml").status == 0);
}

TEST_CASE("schema: prints JSON", "[cli]") {
    const Scratch scratch;
    for (const char* what : {"", "config", "study", "result"}) {
        const Said said = run_xlate(scratch, std::string("schema ") + what);
        CHECK(said.status == 0);
        CHECK(nlohmann::json::accept(said.out));
    }
}

TEST_CASE("schema: a result's names what only some runs have: the sanitizer and ATCs", "[cli]") {
    const Scratch scratch;
    const auto schema = nlohmann::json::parse(run_xlate(scratch, "schema result").out);
    const std::string config = quoted(std::string(source_dir()) + "/configs/mistakes/wrong_asid.yaml");
    CHECK(run_xlate(scratch, "run " + config + " --quiet --out r").status == 0);
    const auto result = nlohmann::json::parse(read_text(scratch.path("r/result.json")));
    const auto known = [](const nlohmann::json& part, const nlohmann::json& description) {
        for (const auto& [key, value] : part.items()) {
            CAPTURE(key);
            CHECK(description["properties"].contains(key));
        }
        for (const std::string key : description["required"]) {
            CAPTURE(key);
            CHECK(part.contains(key));
        }
    };
    const nlohmann::json& sanitizer = schema["properties"]["sanitizer"];
    known(result["sanitizer"], sanitizer);
    known(result["sanitizer"]["findings"][0], sanitizer["properties"]["findings"]["items"]);
    known(result["sanitizer"]["ledger"], sanitizer["properties"]["ledger"]);
    known(result["sanitizer"]["iommus"][0], sanitizer["properties"]["iommus"]["items"]);
    CHECK(schema["properties"]["masters"]["items"]["properties"]["atc"]["properties"].contains("hits"));
    for (const std::string key : schema["required"]) CHECK(key != "sanitizer");
}

TEST_CASE("inspect: one JSON document, or text", "[cli]") {
    const Scratch scratch;
    const Said json = run_xlate(scratch, "inspect --json " + quoted(board("quickstart")));
    CHECK(json.status == 0);
    CHECK(nlohmann::json::parse(json.out)["schema"] == "xlate.inspect/1");
    CHECK(run_xlate(scratch, "inspect " + quoted(board("quickstart"))).out.find("/soc/iommu@9050000") !=
          std::string::npos);
    scratch.file("x.yaml", "firmware: {devicetree: quickstart.dtb}\n");
    CHECK(run_xlate(scratch, "inspect --json x.yaml").out == json.out);
}

TEST_CASE("init: the config that it writes is one that run accepts", "[cli]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, "init made.yaml --firmware " + quoted(board("quickstart"))).status == 0);
    const Said said = run_xlate(scratch, "run made.yaml --quiet --out result");
    INFO(said.err);
    CHECK(said.status == 0);
    CHECK(run_xlate(scratch, "init --firmware " + quoted(board("quickstart"))).out.find("firmware:") !=
          std::string::npos);
}

TEST_CASE("variants: help lists them", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run --variant help");
    CHECK(said.status == 0);
    CHECK(said.out.find("series-v1@17") != std::string::npos);
    CHECK(said.out.find("linux-6.12") != std::string::npos);
}
