#include <catch2/catch.hpp>

#include "tests/kernel-model/core_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using xlate::kernel::tests::Node;
using xlate::kernel::tests::World;

TEST_CASE("kernel races: a write unordered with a read is reported though it did no harm", "[kernel][core]") {
    World w;
    Node node(w.k);
    w.k.spawn("a", 0, [&] {
        const Frame f{w.k, "reader"};
        node.value.read("A1");
    });
    w.k.spawn("b", 1, [&] {
        const Frame f{w.k, "writer"};
        node.value.write(1, "B1");
    });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::data_race});
    const Report& report = w.k.reports.all()[0];
    CHECK(report.detail == "value changed: 0 -> 1");
    CHECK(report.place.text() == "B1 in writer, b on CPU 1");
    CHECK(report.other->text() == "A1 in reader, a on CPU 0");
    CHECK(report.text().find("BUG: KCSAN: data-race in writer (B1) / reader (A1)") == 0);
}

TEST_CASE("kernel races: two reads, marked accesses, and accesses of one task are no race", "[kernel][core]") {
    World w;
    Node node(w.k);
    Node marked(w.k);
    for (unsigned cpu = 0; cpu < 3; ++cpu) {
        w.k.spawn("t", cpu, [&] {
            node.value.read("A1");
            marked.value.write_once(1, "A2");
            marked.value.read_once("A3");
        });
    }
    w.run();
    CHECK(w.k.reports.empty());
}

TEST_CASE("kernel races: a plain read races with a marked write", "[kernel][core]") {
    World w;
    Node node(w.k);
    w.k.spawn("a", 0, [&] { node.value.write_once(1, "A1"); });
    w.k.spawn("b", 0, [&] { node.value.read("B1"); });
    w.run();
    CHECK(w.kinds() == std::vector<ReportKind>{ReportKind::data_race});
}

TEST_CASE("kernel races: each of several concurrent readers is remembered", "[kernel][core]") {
    World w;
    Node node(w.k);
    Completion second_done(w.k, "second");
    w.k.spawn("first", 0, [&] { node.value.read("A1"); });
    w.k.spawn("second", 1, [&] {
        node.value.read("B1");
        second_done.complete("B2");
    });
    w.k.spawn("third", 2, [&] {
        second_done.wait("C1");
        node.value.write(1, "C2");  // ordered after the second reader, not after the first
    });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::data_race});
    CHECK(w.k.reports.all()[0].other->task == "first");
}

TEST_CASE("kernel races: locks, completions, spawn, join, wake-ups and work order accesses", "[kernel][core]") {
    World w;
    Node node(w.k);
    SECTION("mutex") {
        Mutex lock(w.k, "lock");
        for (unsigned i = 0; i < 3; ++i) {
            w.k.spawn("t", i, [&] {
                lock.lock("A1");
                node.value.write(node.value.read("A2") + 1, "A3");
                lock.unlock("A4");
            });
        }
        w.run();
        CHECK(node.value.peek() == 3);
    }
    SECTION("rwsem: a writer after readers") {
        RwSemaphore lock(w.k, "sem");
        for (unsigned i = 0; i < 2; ++i) {
            w.k.spawn("r", i, [&] {
                lock.down_read("A1");
                node.value.read("A2");
                lock.up_read("A3");
            });
        }
        w.k.spawn("w", 2, [&] {
            lock.down_write("B1");
            node.value.write(1, "B2");
            lock.up_write("B3");
        });
        w.run();
        CHECK(node.value.peek() == 1);
    }
    SECTION("spawn and join") {
        w.k.spawn("parent", 0, [&] {
            node.value.write(1, "A1");
            Task& child = w.k.spawn("child", 1, [&] { node.value.write(2, "B1"); });
            w.k.sched.join(child, "A2");
            node.value.write(3, "A3");
        });
        w.run();
        CHECK(node.value.peek() == 3);
    }
    SECTION("wait queue") {
        WaitQueue queue(w.k, "queue");
        w.k.spawn("waiter", 0, [&] {
            queue.wait_event("A1", [&] { return node.value.read_once("A2") == 1; });
            node.next.read("A3");
        });
        w.k.spawn("waker", 1, [&] {
            node.next.write({}, "B1");
            node.value.write_once(1, "B2");
            queue.wake_up("B3");
        });
        w.run();
        CHECK(node.value.peek() == 1);
    }
    SECTION("work queue and flush") {
        Workqueue works(w.k, "kworker/0:1", 0);
        int ran = 0;
        w.k.spawn("queuer", 0, [&] {
            node.value.write(1, "A1");
            works.queue_work("A2", [&] { node.value.write(2, "B1"); });
            works.queue_work("A3", [&] {
                node.value.write(3, "C1");
                ++ran;
            });
            works.flush("A4");
            CHECK(ran == 1);
            node.value.write(4, "A5");
        });
        w.run();
        CHECK(node.value.peek() == 4);
    }
    CHECK(w.k.reports.empty());
}

TEST_CASE("kernel races: readers under a rwsem do not order each other", "[kernel][core]") {
    World w;
    Node node(w.k);
    RwSemaphore lock(w.k, "sem");
    w.k.spawn("r", 0, [&] {
        lock.down_read("A1");
        node.value.read("A2");
        lock.up_read("A3");
    });
    w.k.spawn("bad", 1, [&] {
        lock.down_read("B1");
        node.value.write(1, "B2");
        lock.up_read("B3");
    });
    w.run();
    CHECK(w.kinds() == std::vector<ReportKind>{ReportKind::data_race});
}
