#include <catch2/catch.hpp>

#include "tests/kernel-model/core_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using xlate::kernel::tests::Node;
using xlate::kernel::tests::World;

TEST_CASE("kernel tasks: each access is a point with its step, before it happens", "[kernel][core]") {
    World w;
    Node node(w.k);
    std::vector<std::string> seen;
    w.machine.on_point = [&](Task& task, const Point& point) {
        seen.push_back(task.name + " " + name(point.kind) + " " + point.step + " " + point.what + " " +
                       std::to_string(node.value.peek()));
    };
    Mutex lock(w.k, "lock");
    w.k.spawn("t", 0, [&] {
        lock.lock("S1");
        node.value.write(5, "S2");
        node.value.read("S3");
        lock.unlock("S4");
    });
    w.run();
    CHECK(seen == std::vector<std::string>{"t lock S1 lock 0", "t write S2 node->value 0", "t read S3 node->value 5",
                                           "t unlock S4 lock 5"});
}

TEST_CASE("kernel tasks: a resource is named by its maker, not by the order of makers", "[kernel][core]") {
    const auto resources = [](bool b_first) {
        World w;
        std::vector<Resource> made(2);
        const auto body = [&](std::size_t i) {
            return [&w, &made, i] { made[i] = w.k.heap.make<Node>("M")->resource(); };
        };
        Task& a = w.k.sched.spawn("a", 0, body(0));
        Task& b = w.k.sched.spawn("b", 0, body(1));
        w.k.sched.resume(b_first ? b : a);
        w.k.sched.resume(b_first ? a : b);
        return made;
    };
    CHECK(resources(false) == resources(true));
}

TEST_CASE("kernel tasks: a kernel that ends unwinds the tasks that have not", "[kernel][core]") {
    bool unwound = false;
    {
        World w;
        Completion never(w.k, "never");
        w.k.spawn("t", 0, [&] {
            struct Guard {
                bool& flag;
                ~Guard() { flag = true; }
            } guard{unwound};
            const Frame f{w.k, "deep"};
            never.wait("S1");
        });
        w.machine.run(w.k.sched);
        CHECK_FALSE(unwound);
    }
    CHECK(unwound);
}

TEST_CASE("kernel tasks: a bug of ours inside a task reaches whoever resumed it", "[kernel][core]") {
    World w;
    w.k.spawn("t", 0, [&] { XLATE_CHECK(false, "on purpose"); });
    CHECK_THROWS_AS(w.machine.run(w.k.sched), InternalError);
}

TEST_CASE("kernel tasks: time passes by what is spent, and the console shows it", "[kernel][core]") {
    World w;
    w.k.spawn("t", 0, [&] {
        w.k.spend(us(4183));
        w.k.console.info("arm-smmu-v3 9050000.smmuv3", "ias {}-bit, oas {}-bit", 44, 44);
        w.k.console.debug("x", "not shown");
    });
    w.run();
    CHECK(w.k.console.text() == "[    0.004183] arm-smmu-v3 9050000.smmuv3: ias 44-bit, oas 44-bit\n");
}

TEST_CASE("kernel tasks: works run in order on one kworker, later ones on a new one", "[kernel][core]") {
    World w;
    Workqueue works(w.k, "kworker/u8:0", 1);
    std::string order;
    w.k.spawn("t", 0, [&] {
        works.queue_work("A1", [&] { order += 'a'; });
        works.queue_work("A2", [&] { order += 'b'; });
    });
    w.run();
    w.k.spawn("t", 0, [&] { works.queue_work("A3", [&] { order += 'c'; }); });
    w.run();
    CHECK(order == "abc");
    CHECK(works.idle());
    CHECK(w.k.sched.tasks().size() == 4);
}

TEST_CASE("kernel tasks: hundreds of tasks one after the other still order their accesses", "[kernel][core]") {
    World w;
    Node node(w.k);
    Mutex lock(w.k, "lock");
    for (unsigned i = 0; i < 300; ++i) {
        w.k.spawn("t", i % 4, [&] {
            lock.lock("S1");
            node.value.write(node.value.read("S2") + 1, "S3");
            lock.unlock("S4");
        });
    }
    w.run();
    CHECK(node.value.peek() == 300);
    CHECK(w.k.reports.empty());
}

TEST_CASE("kernel tasks: error numbers have their Linux names", "[kernel][core]") {
    CHECK(errno_name(-19) == "ENODEV");
    CHECK(errno_name(517) == "EPROBE_DEFER");
    CHECK(errno_name(0) == "0");
    CHECK(errno_name(-22) == "EINVAL");
}
