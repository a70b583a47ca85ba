// The check of ledgers must be able to fail.
#include <catch2/catch.hpp>

#include "soc/measure/ledger_check.hpp"

using namespace xlate;
using namespace xlate::soc;

TEST_CASE("ledger check: a part that is missing, a start that differs, and an answer to nothing are counted",
          "[soc][ledger]") {
    LedgerCheck check;
    Ledger ledger;
    const auto run = [&](std::uint64_t number, SimTime issued, SimTime started, SimTime charged, SimTime ended) {
        check.issued("dma", number, issued);
        ledger.start(started);
        ledger.charge(Part::link, started + ns(1));
        ledger.charge(Part::memory, charged);
        check.ended("dma", number, ledger, ended);
    };
    run(0, ns(10), ns(10), ns(30), ns(30));
    CHECK(check.stats().transactions == 1);
    CHECK(check.stats().differing == 0);
    run(1, ns(10), ns(10), ns(29), ns(30));  // the way back was not charged
    CHECK(check.stats().differing == 1);
    run(2, ns(10), ns(12), ns(30), ns(30));  // its account began late
    CHECK(check.stats().differing == 2);
    check.ended("dma", 7, ledger, ns(30));
    CHECK(check.stats().differing == 3);
    check.issued("other", 0, ns(1));
    CHECK(check.stats().open == 1);
    CHECK(check.stats().transactions == 4);
}
