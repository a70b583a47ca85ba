#include <catch2/catch.hpp>

#include "study/results/expect.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

const nlohmann::ordered_json kResult = nlohmann::ordered_json::parse(R"({
  "variant": "linux-6.12",
  "masters": [{"device": "0000:00:01.0", "reads": 10, "writes": 0, "latency_ns": {"p99": 812.5}, "idle": false},
              {"device": "a000000.dma", "reads": 7, "writes": 3, "latency_ns": {"p99": 1000}}],
  "devices": [{"name": "0000:00:01.0", "ids": [8, 16]}],
  "kernel": {"oops": [], "races": [{"what": "x"}]}
})");

Expectation::Outcome outcome(const std::string& text) {
    return Expectation::parse(text, {"x.yaml", 3, 5, {}}, "expect[0]").evaluate(kResult);
}

}  // namespace

TEST_CASE("expect: conditions that hold", "[study][expect]") {
    for (const char* text :
         {"kernel.oops == 0", "kernel.races == 1", "masters[\"0000:00:01.0\"].latency_ns.p99 < 900",
          "masters[1].reads == 7", "not kernel.oops > 0", "variant == 'linux-6.12'",
          "8 in devices[0].ids and not 9 in devices[0].ids", "0x10 in devices[0].ids",
          "masters[0].reads + masters[1].reads * 2 == 24", "(1 + 2) * 3 == 9", "-1 < 0", "1 / 2 == 0.5",
          "count(masters) == 2", "masters[0].idle == false", "not masters[0].idle", "10 - 2 - 3 == 5",
          "812.5 == masters[0].latency_ns.p99", "'a' < 'b'", "true or 1 == 2 and false"}) {
        INFO(text);
        const auto result = outcome(text);
        CHECK(result.ok);
        CHECK(result.why.empty());
    }
}

TEST_CASE("expect: what does not hold says what was found", "[study][expect]") {
    CHECK(outcome("kernel.races == 0").why == "found 1, expected == 0");
    CHECK(outcome("masters[\"0000:00:01.0\"].latency_ns.p99 < 800").why == "found 812.5, expected < 800");
    CHECK(outcome("masters[0].latency_ns.p99 < 800").value == 812.5);
    CHECK(outcome("masters[\"0000:00:01.1\"].reads > 1").why ==
          "the result has no 'masters[\"0000:00:01.1\"]'; did you mean '0000:00:01.0'?");
    CHECK(outcome("kernel.ooops == 0").why == "the result has no 'kernel.ooops'; did you mean 'oops'?");
    CHECK(outcome("masters[7].reads > 1").why == "the result has no 'masters[7]'");
    CHECK(outcome("masters[0].reads").why == "10 is neither true nor false");
    CHECK(outcome("1 / 0 > 1").why == "division by zero");
    CHECK(outcome("variant > 1").why == "\"linux-6.12\" is not a number");
    CHECK_FALSE(outcome("true and false").ok);
}

TEST_CASE("expect: an expression that cannot be read is refused with its place", "[study][expect]") {
    for (const char* text : {"", "1 ==", "== 1", "(1", "1 1", "a[", "a[x]", "a[\"b]", "a.", "1.2.3", "010 == 8",
                             "foo(1)", "a = 1", "1 < 2 < 3", "\"x", "$", "1..2", "not", "1e3 == 1000"}) {
        INFO(text);
        CHECK_THROWS_AS(outcome(text), InputError);
    }
    CHECK_THROWS_AS(outcome(std::string(5000, '(')), InputError);
    CHECK_THROWS_AS(outcome(std::string(5000, '-') + "1 == 1"), InputError);
    std::string many_not;
    for (int i = 0; i < 5000; ++i) many_not += "not ";
    CHECK_THROWS_AS(outcome(many_not + "true"), InputError);
    try {
        outcome("kernel.oops == ");
    } catch (const InputError& error) {
        CHECK(std::string(error.what()) ==
              "x.yaml:3:5: expect[0]: in 'kernel.oops == ' at character 16: the expression ends here; a value is "
              "missing");
    }
}

TEST_CASE("expect: JUnit escapes what XML would misread", "[study][expect]") {
    const std::string xml = junit_xml("a&b", {{"x < 1", true, ""}, {"y", false, "found \"2\""}});
    CHECK(xml.find("tests=\"2\" failures=\"1\"") != std::string::npos);
    CHECK(xml.find("name=\"x &lt; 1\"/>") != std::string::npos);
    CHECK(xml.find("<failure message=\"found &quot;2&quot;\"/>") != std::string::npos);
}

TEST_CASE("expect: conditions choose elements of a list, and functions add their values up", "[study][expect]") {
    const nlohmann::ordered_json result = nlohmann::ordered_json::parse(R"({
        "devices": [ {"name": "a", "driver": "nvme", "probe_ns": 40}, {"name": "b", "driver": "e1000e", "probe_ns": 10},
                     {"name": "c", "driver": "nvme", "probe_ns": 20}, {"name": "d", "driver": null, "probe_ns": null} ],
        "kernel": { "locks": [ {"name": "x", "contended": 0, "wait_ns": 0}, {"name": "y", "contended": 2, "wait_ns": 7} ] } })");
    const auto value = [&](const std::string& text) {
        return Expectation::parse(text, {}, "expect[0]").evaluate(result).value;
    };
    CHECK(value("count(devices[driver == \"nvme\"])") == 2);
    CHECK(value("max(devices[driver == \"nvme\"].probe_ns)") == 40);
    CHECK(value("min(devices[*].probe_ns)") == 10);
    CHECK(value("sum(devices[*].probe_ns)") == 70);
    CHECK(value("mean(devices[probe_ns != null and probe_ns < 30].probe_ns)") == 15.0);
    CHECK(value("percentile(devices[*].probe_ns, 50)") == 20);
    CHECK(value("percentile(devices[*].probe_ns, 99)") == 40);
    CHECK(value("percentile(devices[*].probe_ns, 0)") == 10);
    CHECK(value("sum(kernel.locks[contended > 0].wait_ns) * 2") == 14);
    CHECK(value("devices[driver == \"nvme\"][1].name == \"c\"") == "c");
    CHECK(value("devices[\"b\"].probe_ns") == 10);  // a name in quotes is still that
    const auto why = [&](const std::string& text) {
        return Expectation::parse(text, {}, "expect[0]").evaluate(result).why;
    };
    CHECK(why("max(devices[name == \"z\"].probe_ns) < 1") == "max() of no values");
    CHECK(why("max(devices[*].name) < 1").find("which is no number") != std::string::npos);
    CHECK(why("max(kernel) < 1").find("asks for a list") != std::string::npos);
    CHECK(why("sum(devices[*].latency) < 1") == "no element of 'devices[...]' has 'latency'");
    CHECK(why("count(kernel[*]) == 0").find("is no list") != std::string::npos);
    CHECK_THROWS_AS(Expectation::parse("median(devices[*].probe_ns)", {}, "e"), xlate::InputError);
    CHECK_THROWS_AS(Expectation::parse("percentile(devices[*].probe_ns)", {}, "e"), xlate::InputError);
    CHECK_THROWS_AS(Expectation::parse("devices[]", {}, "e"), xlate::InputError);
    CHECK_THROWS_AS(Expectation::parse("devices[driver]", {}, "e"), xlate::InputError);
}
