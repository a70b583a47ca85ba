#include <catch2/catch.hpp>

#include "study/config/yaml/parse.hpp"
#include "study/config/yaml/read.hpp"

using namespace xlate;
using namespace xlate::study::yaml;

namespace {

/// The message that `text` is refused with; "" if it is accepted.
std::string refusal(const std::string& text) {
    try {
        parse(text, "x.yaml");
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

}  // namespace

TEST_CASE("yaml: every value knows its line and column, counted from one", "[study][yaml]") {
    const Value root = parse("a: 1\nb:\n  - x\n  - {c: \"4 KiB\"}\n", "x.yaml");
    REQUIRE(root.kind == Kind::map);
    CHECK(root.find("a")->place.position().text() == "x.yaml:1:4");
    const Value& list = *root.find("b");
    REQUIRE(list.items.size() == 2);
    CHECK(list.items[0].place.position().text() == "x.yaml:3:5");
    CHECK(list.items[1].find("c")->place.position().text() == "x.yaml:4:9");
    CHECK(list.items[1].find("c")->quoted);
    CHECK(root.entries[1].place.position().text() == "x.yaml:2:1");
    CHECK(root.find("zzz") == nullptr);
    CHECK(parse("", "x.yaml").kind == Kind::null);
}

TEST_CASE("yaml: a duplicate key names both places, and all findings come in one report", "[study][yaml]") {
    const std::string message = refusal("a: 1\nb: {c: 1, c: 2}\na: 3\n<<: 4\n[x]: 5\n");
    CHECK(message.find("x.yaml:2:11: key 'c' stands here a second time; first at 2:5") != std::string::npos);
    CHECK(message.find("x.yaml:3:1: key 'a' stands here a second time; first at 1:1") != std::string::npos);
    CHECK(message.find("x.yaml:4:1: '<<' (merge)") != std::string::npos);
    CHECK(message.find("x.yaml:5:1: a list cannot be a key") != std::string::npos);
}

TEST_CASE("yaml: syntax errors carry a position and never a library's exception", "[study][yaml]") {
    CHECK(refusal("a: [1, 2\nb: 3\n").find("x.yaml:2:2: not valid YAML") == 0);
    CHECK(refusal("a: 1\n---\nb: 2\n").find("x.yaml:3:1: a second document starts") == 0);
    CHECK(refusal("a: !!int 3\n").find("tags such as") != std::string::npos);
    CHECK(refusal("a: !x {b: 1}\n").find("tags such as '!x'") != std::string::npos);
    CHECK(refusal(std::string("a: 1\0b", 6)).find("zero byte") != std::string::npos);
    for (const char* text : {"\t- a", "a: b: c", "&", "*", "{", "%", "a: 'x", "? [", "@", "`", "- - -\n -", "*x"}) {
        INFO(text);
        CHECK_NOTHROW(refusal(text));  // an InputError or fine; anything else would come out here
    }
}

TEST_CASE("yaml: aliases are expanded, bombs and cycles are refused", "[study][yaml]") {
    const Value root = parse("a: &t {x: 1}\nb: *t\n", "x.yaml");
    CHECK(root.find("b")->find("x")->text == "1");
    CHECK(root.find("b")->place.line == 2);
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 10; ++i) {
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int j = 0; j < 10; ++j) bomb += (j != 0 ? ", *a" : "*a") + std::to_string(i - 1);
        bomb += "]\n";
    }
    CHECK(refusal(bomb).find("once its aliases are expanded") != std::string::npos);
    CHECK(refusal("a: &a [*a]\n").find("x.yaml:1:8: this alias refers to the value that it stands in") == 0);
    CHECK(refusal("a: &a {b: {c: *a}}\n").find("the value that it stands in") != std::string::npos);
}

TEST_CASE("yaml: depth has a limit with a message of its own, also through aliases", "[study][yaml]") {
    CHECK(refusal(nested(64)).empty());
    CHECK(refusal(nested(65)).find("nested deeper than 64 levels") != std::string::npos);
    CHECK(refusal(nested(5000)).find("nested deeper than 64 levels") != std::string::npos);
    std::string chain = "- &a0 [x]\n";
    for (int i = 1; i < 70; ++i) chain += "- &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
    CHECK(refusal(chain).find("nested deeper than 64 levels") != std::string::npos);
}

TEST_CASE("yaml: a file past the size limit is a resource limit", "[study][yaml]") {
    try {
        parse(std::string(kMaxBytes + 1, '#'), "x.yaml");
        FAIL("accepted");
    } catch (const InputError& error) {
        CHECK(error.status() == ExitStatus::limit);
    }
    CHECK_THROWS_AS(parse_file("/nowhere/x.yaml"), InputError);
}

TEST_CASE("yaml: a map with 200000 keys is read in one pass", "[study][yaml]") {
    std::string text;
    for (int i = 0; i < 200000; ++i) text += "k" + std::to_string(i) + ": 1\n";
    CHECK(parse(text, "x.yaml").entries.size() == 200000);
}

TEST_CASE("yaml: scalars are strict", "[study][yaml]") {
    Findings findings;
    const Value root = parse("a: 010\nb: yes\nc: true\nd: \"4\"\ne: 4 KiB\nf: 3 cycles\ng:\nh: 300\n", "x.yaml");
    std::uint64_t number = 7;
    bool truth = false;
    CHECK_FALSE(read_integer(*root.find("a"), "a", findings, number));
    CHECK_FALSE(read(*root.find("b"), "b", findings, truth));
    CHECK(read(*root.find("c"), "c", findings, truth));
    CHECK(truth);
    CHECK_FALSE(read_integer(*root.find("d"), "d", findings, number));
    CHECK(number == 7);
    CHECK(read_bytes(*root.find("e"), "e", findings, number));
    CHECK(number == 4096);
    SimTime time;
    CHECK_FALSE(read(*root.find("f"), "f", findings, time));
    Cycles cycles;
    CHECK(read(*root.find("f"), "f", findings, cycles));
    CHECK(cycles.count == 3);
    CHECK_FALSE(read_bytes(*root.find("g"), "g", findings, number));
    CHECK_FALSE(read_integer(*root.find("h"), "h", findings, number, 1, 256));
    try {
        findings.throw_if_any();
        FAIL("no findings");
    } catch (const InputError& error) {
        CHECK(error.findings().size() == 6);
        CHECK(error.findings()[1].text() == "x.yaml:2:4: b: found 'yes'; expected true or false");
        CHECK(error.findings()[4].text() == "x.yaml:7:1: g: found an empty value; expected a size such as '4 KiB'");
    }
}

TEST_CASE("yaml: a key that nobody knows is reported with the nearest name", "[study][yaml]") {
    Findings findings;
    const Value root = parse("outstandig: 3\npattern: random\n", "x.yaml");
    MapReader reader(root, "traffic[0]", findings);
    CHECK(reader.take("outstanding") == nullptr);
    CHECK(reader.take("pattern")->text == "random");
    CHECK(reader.require("device") == nullptr);
    reader.finish();
    try {
        findings.throw_if_any();
        FAIL("no findings");
    } catch (const InputError& error) {
        REQUIRE(error.findings().size() == 2);
        CHECK(error.findings()[0].text() == "x.yaml:1:1: traffic[0]: key 'device' is missing");
        CHECK(error.findings()[1].text() ==
              "x.yaml:1:1: traffic[0].outstandig: unknown key; did you mean 'outstanding'?");
    }
}

TEST_CASE("yaml: a path sets a value and makes the maps on its way", "[study][yaml]") {
    Value root = parse("traffic: [{size: 64 B}]\n", "x.yaml");
    const auto set = [&root](const char* path, const char* text) { set_at(root, path, parse(text, "--set")); };
    set("soc.iommus./smmuv3@9050000.tcu.tlb.entries", "16");
    CHECK(root.find("soc")->find("iommus")->find("/smmuv3@9050000")->find("tcu")->find("tlb")->find("entries")->text ==
          "16");
    set("traffic[0].size", "4 KiB");
    CHECK(root.find("traffic")->items[0].find("size")->text == "4 KiB");
    set("kernel.parameters.iommu.strict", "0");
    set("kernel.parameters[\"iommu.passthrough\"]", "1");
    CHECK(root.find("kernel")->find("parameters")->find("iommu.strict")->text == "0");
    CHECK(root.find("kernel")->find("parameters")->find("iommu.passthrough")->text == "1");
    for (const char* path :
         {"", "traffic[1].size", "traffic.size", "soc..x", "traffic[x]", "soc[0]", "a[\"b", "traffic[0].size.x"}) {
        INFO(path);
        CHECK_THROWS_AS(set(path, "1"), InputError);
    }
}
