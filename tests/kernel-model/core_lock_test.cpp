#include <catch2/catch.hpp>

#include "tests/kernel-model/core_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using xlate::kernel::tests::World;

TEST_CASE("kernel locks: waiters get a mutex first in, first out", "[kernel][core]") {
    World w;
    Mutex lock(w.k, "lock");
    std::string order;
    for (char name = 'a'; name < 'd'; ++name) {
        w.k.spawn(std::string(1, name), 0, [&w, &lock, &order, name] {
            lock.lock("L");
            w.yield();
            order += name;
            lock.unlock("U");
        });
    }
    w.run();
    CHECK(order == "abc");
    const auto statistics = w.k.lockdep.statistics();
    REQUIRE(statistics.size() == 1);
    CHECK(statistics[0].acquired == 3);
    CHECK(statistics[0].contended == 2);
}

TEST_CASE("kernel locks: two orders of two classes are reported without any deadlock", "[kernel][core]") {
    World w;
    Mutex a(w.k, "A");
    Mutex b(w.k, "B");
    w.k.spawn("one", 0, [&] {
        a.lock("S1");
        b.lock("S2");
        b.unlock("S3");
        a.unlock("S4");
    });
    w.k.spawn("two", 1, [&] {
        b.lock("T1");
        a.lock("T2");
        a.unlock("T3");
        b.unlock("T4");
    });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::lock_inversion});
    CHECK(w.k.reports.all()[0].what == "B -> A");
    CHECK(w.k.reports.all()[0].locks_held == std::vector<std::string>{"B (taken at T1)"});
}

TEST_CASE("kernel locks: an order over a third class is an inversion too", "[kernel][core]") {
    World w;
    Mutex a(w.k, "A");
    Mutex b(w.k, "B");
    Mutex c(w.k, "C");
    const auto pair = [&](Mutex& first, Mutex& second) {
        first.lock("S1");
        second.lock("S2");
        second.unlock("S3");
        first.unlock("S4");
    };
    w.k.spawn("one", 0, [&] {
        pair(a, b);
        pair(b, c);
        pair(c, a);
    });
    w.run();
    CHECK(w.kinds() == std::vector<ReportKind>{ReportKind::lock_inversion});
}

TEST_CASE("kernel locks: locks without class validation and subclasses are not compared", "[kernel][core]") {
    World w;
    Mutex parent(w.k, "dev->mutex", "parent", {false});
    Mutex child(w.k, "dev->mutex", "child", {false});
    Mutex one(w.k, "node->lock", "one");
    Mutex two(w.k, "node->lock", "two");
    w.k.spawn("t", 0, [&] {
        parent.lock("S1");
        child.lock("S2");
        child.unlock("S3");
        parent.unlock("S4");
        one.lock("S5");
        two.lock("S6", 1);
        two.unlock("S7");
        one.unlock("S8");
    });
    w.run();
    CHECK(w.k.reports.empty());
}

TEST_CASE("kernel locks: taking a mutex twice is a self-deadlock and the task never ends", "[kernel][core]") {
    World w;
    Mutex lock(w.k, "lock", "x");
    w.k.spawn("t", 0, [&] {
        lock.lock("S1");
        lock.lock("S2");
    });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::self_deadlock});
    CHECK(w.k.reports.all()[0].what == "lock of x");
    CHECK(w.k.reports.all()[0].place.step == "S2");
}

TEST_CASE("kernel locks: two tasks that wait for each other are one deadlock report", "[kernel][core]") {
    World w;
    Mutex a(w.k, "A", "", {false});
    Mutex b(w.k, "B", "", {false});
    w.k.spawn("one", 0, [&] {
        a.lock("S1");
        w.yield();
        b.lock("S2");
    });
    w.k.spawn("two", 1, [&] {
        b.lock("T1");
        w.yield();
        a.lock("T2");
    });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::deadlock});
    CHECK(w.k.reports.all()[0].what == "one waits for B at S2, two waits for A at T2");
}

TEST_CASE("kernel locks: a crashed task keeps its locks, who waits for them hangs", "[kernel][core]") {
    World w;
    Mutex lock(w.k, "lock");
    w.k.spawn("one", 0, [&] {
        lock.lock("S1");
        Ptr<HeapObject> {
            } -> freed();
    });
    w.k.spawn("two", 1, [&] { lock.lock("T1"); });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::null_dereference, ReportKind::hung_task});
    CHECK(w.k.reports.all()[0].locks_held == std::vector<std::string>{"lock (taken at S1)"});
    CHECK(w.k.reports.all()[1].after_crash);
    CHECK(w.k.reports.all()[1].detail == "its owner one is gone");
}

TEST_CASE("kernel locks: lockdep_assert_held speaks up and goes on", "[kernel][core]") {
    World w;
    Mutex lock(w.k, "iommu_probe_device_lock");
    bool end = false;
    w.k.spawn("t", 0, [&] {
        lock.lock("S1");
        lock.assert_held("S2");
        lock.unlock("S3");
        lock.assert_held("S4");
        end = true;
    });
    w.run();
    CHECK(end);
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::lockdep_assert});
    CHECK(w.k.reports.all()[0].place.step == "S4");
}

TEST_CASE("kernel locks: sleeping under a spinlock is reported", "[kernel][core]") {
    World w;
    SpinLock spin(w.k, "spin");
    Mutex lock(w.k, "mutex");
    w.k.spawn("t", 0, [&] {
        spin.lock("S1");
        lock.lock("S2");
        lock.unlock("S3");
        spin.unlock("S4");
    });
    w.run();
    CHECK(w.kinds() == std::vector<ReportKind>{ReportKind::warning});
}

TEST_CASE("kernel locks: a completion that nobody completes is a hung task", "[kernel][core]") {
    World w;
    Completion done(w.k, "done");
    w.k.spawn("t", 0, [&] { done.wait("S1"); });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::hung_task});
    CHECK(w.k.reports.all()[0].what == "waits for done");
}

TEST_CASE("kernel locks: a service that waits for ever is no hung task", "[kernel][core]") {
    World w;
    Completion work(w.k, "work");
    w.k.spawn("irq/1-evtq", 0, [&] { work.wait("S1"); }).may_wait_forever = true;
    w.run();
    CHECK(w.k.reports.empty());
}

TEST_CASE("kernel locks: try_lock does not wait", "[kernel][core]") {
    World w;
    Mutex lock(w.k, "lock");
    bool first = false;
    bool second = true;
    w.k.spawn("a", 0, [&] {
        first = lock.try_lock("S1");
        w.yield();
        lock.unlock("S2");
    });
    w.k.spawn("b", 0, [&] { second = lock.try_lock("T1"); });
    w.run();
    CHECK(first);
    CHECK_FALSE(second);
    CHECK(w.k.reports.empty());
}
