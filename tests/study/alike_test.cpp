// Long lists of one finding on a terminal: told once, with whom else it concerns.
#include "study/results/alike.hpp"

#include <catch2/catch.hpp>

using namespace xlate::study;

TEST_CASE("alike: sentences that differ in paths or functions alone are told once", "[study]") {
    const auto waits = [](const std::string& who, const std::string& whom) {
        return who + " waits for " + whom + " (clocks): taken as there";
    };
    const std::vector<std::string> folded =
        fold_alike({waits("/soc/a@1", "/soc/clock@9"), "another", waits("/soc/b@2", "/soc/clock@9"),
                    waits("/soc/b@2", "/soc/other@8"), waits("/c", "/d"), waits("/e", "/d"), waits("/f", "/d")});
    CHECK(folded == std::vector<std::string>{"/soc/a@1 waits for /soc/clock@9 (clocks): taken as there (and 5 more "
                                             "such: /soc/b@2, /c, /e, ...)",
                                             "another"});
    const auto id = [](char number) { return std::string("0000:00:0") + number + ".0: its id is 0x8"; };
    CHECK(fold_alike({id('1'), id('2'), id('3'), id('4')}) ==
          std::vector<std::string>{id('1') + " (and 3 more such: 0000:00:02.0, 0000:00:03.0, 0000:00:04.0)"});
}

TEST_CASE("alike: whom a sentence begins with is a place, too", "[study]") {
    CHECK(fold_alike({"a.dma: is off", "b.dma: is off", "c.dma: is off", "d.dma: is off", "d.dma is off"}) ==
          std::vector<std::string>{"a.dma: is off (and 3 more such: b.dma, c.dma, d.dma)", "d.dma is off"});
}

TEST_CASE("alike: a few stand as they are, and so does what differs in more", "[study]") {
    const std::vector<std::string> few{"/a: no", "/b: no", "/c: no"};
    CHECK(fold_alike(few) == few);
    const std::vector<std::string> others{"/a: 1", "/b: 2", "/c: 3", "/d: 4", "same", "same", "same", "same"};
    CHECK(fold_alike(others) == others);
    CHECK(fold_alike({}).empty());
}
