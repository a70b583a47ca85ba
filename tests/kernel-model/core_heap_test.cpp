#include <catch2/catch.hpp>

#include "tests/kernel-model/core_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using xlate::kernel::tests::Node;
using xlate::kernel::tests::World;

TEST_CASE("kernel heap: following a null pointer crashes the task and only the task", "[kernel][core]") {
    World w;
    bool after = false;
    bool other = false;
    w.k.spawn("a", 0, [&] {
        const Frame outer{w.k, "outer"};
        const Frame f{w.k, "inner"};
        const Ptr<Node> none;
        none.deref("S1")->plain = 1;
        after = true;
    });
    w.k.spawn("b", 1, [&] { other = true; });
    w.run();
    CHECK_FALSE(after);
    CHECK(other);
    REQUIRE(w.k.reports.all().size() == 1);
    const Report& report = w.k.reports.all()[0];
    CHECK(report.kind == ReportKind::null_dereference);
    CHECK(report.place.task == "a");
    CHECK(report.place.step == "S1");
    CHECK(report.place.functions == std::vector<std::string>{"inner", "outer"});
    CHECK(report.text().find("BUG: kernel NULL pointer dereference in inner (S1)") == 0);
    CHECK(w.k.sched.tasks()[0]->state == TaskState::crashed);
}

namespace {
// NOLINTNEXTLINE(misc-no-recursion): that is the case
void calls_itself(Kernel& k, unsigned& depth) {
    const Frame f{k, depth++ % 2 == 0 ? "ping" : "pong"};
    if (depth < 10'000) calls_itself(k, depth);
}
}  // namespace

TEST_CASE("kernel: calls without end are a stack overflow of their task", "[kernel][core]") {
    World w;
    bool other = false;
    unsigned depth = 0;
    w.k.spawn("a", 0, [&] { calls_itself(w.k, depth); });
    w.k.spawn("b", 1, [&] { other = true; });
    w.run();
    CHECK(other);
    CHECK(depth > 100);
    CHECK(depth < 10'000);
    REQUIRE(w.k.reports.all().size() == 1);
    const Report& report = w.k.reports.all()[0];
    CHECK(report.kind == ReportKind::bug);
    CHECK(report.what == "kernel stack overflow");
    CHECK(report.place.task == "a");
    CHECK(w.k.sched.tasks()[0]->state == TaskState::crashed);
}

TEST_CASE("kernel heap: a use after free names who allocated and who freed", "[kernel][core]") {
    World w;
    Ptr<Node> node;
    w.k.spawn("a", 0, [&] {
        const Frame f{w.k, "maker"};
        node = w.k.heap.make<Node>("M1");
        w.k.heap.release(node, "M2");
    });
    w.k.spawn("b", 1, [&] {
        const Frame f{w.k, "user"};
        node.get()->value.write(7, "U1");
    });
    w.run();
    REQUIRE(w.k.reports.all().size() == 1);
    const Report& report = w.k.reports.all()[0];
    CHECK(report.kind == ReportKind::use_after_free);
    CHECK(report.what == "write of node->value");
    REQUIRE(report.allocated_by);
    CHECK(report.allocated_by->text() == "M1 in maker, a on CPU 0");
    REQUIRE(report.freed_by);
    CHECK(report.freed_by->text() == "M2 in maker, a on CPU 0");
    CHECK(report.place.text() == "U1 in user, b on CPU 1");
}

TEST_CASE("kernel heap: a double free is caught at the second free", "[kernel][core]") {
    World w;
    w.k.spawn("a", 0, [&] {
        const auto node = w.k.heap.make<Node>("M1");
        w.k.heap.release(node, "M2");
        w.k.heap.release(node, "M3");
    });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::double_free});
    CHECK(w.k.reports.all()[0].place.step == "M3");
    CHECK(w.k.reports.all()[0].freed_by->step == "M2");
}

TEST_CASE("kernel heap: what a root does not reach is leaked, what it reaches is not", "[kernel][core]") {
    World w;
    Node root(w.k);
    w.k.spawn("a", 0, [&] {
        const auto kept = w.k.heap.make<Node>("M1");
        const auto behind = w.k.heap.make<Node>("M2");
        const auto lost = w.k.heap.make<Node>("M3");
        const auto lost_too = w.k.heap.make<Node>("M4");
        root.next.write(kept, "W1");
        kept->next.write(behind, "W2");
        behind->next.write(kept, "W3");
        lost->next.write(lost_too, "W4");
        lost_too->next.write(lost, "W5");  // a cycle does not keep itself
    });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::leak, ReportKind::leak});
    CHECK(w.k.reports.all()[0].place.step == "M3");
    CHECK(w.k.reports.all()[1].place.step == "M4");
    CHECK(w.k.heap.live("node") == 4);
}

TEST_CASE("kernel heap: a crashed task's allocations are no leak", "[kernel][core]") {
    World w;
    w.k.spawn("a", 0, [&] {
        w.k.heap.make<Node>("M1");
        Ptr<Node> {
            } -> plain = 1;
    });
    w.run();
    CHECK(w.kinds() == std::vector<ReportKind>{ReportKind::null_dereference});
}

TEST_CASE("kernel heap: an injected failure returns null", "[kernel][core]") {
    World w;
    w.k.heap.inject_failure = [](const char* step, std::uint64_t) { return std::string(step) == "M2"; };
    bool first = false;
    bool second = true;
    w.k.spawn("a", 0, [&] {
        const auto one = w.k.heap.make<Node>("M1");
        const auto two = w.k.heap.make<Node>("M2");
        first = static_cast<bool>(one);
        second = static_cast<bool>(two);
        w.k.heap.release(one, "M3");
        w.k.heap.release(two, "M4");
    });
    w.run();
    CHECK(first);
    CHECK_FALSE(second);
    CHECK(w.k.reports.empty());
}

TEST_CASE("kernel heap: a reference count reports underflow and resurrection", "[kernel][core]") {
    World w;
    Node owner(w.k);
    RefCount refs(owner, "node->refs");
    bool last = false;
    w.k.spawn("a", 0, [&] {
        refs.get("R1");
        last = refs.put("R2");
        CHECK_FALSE(last);
        last = refs.put("R3");
        CHECK(last);
        CHECK_FALSE(refs.put("R4"));
        refs.get("R5");
    });
    w.run();
    REQUIRE(w.kinds() == std::vector<ReportKind>{ReportKind::refcount_underflow, ReportKind::refcount_underflow});
    CHECK(w.k.reports.all()[0].what == "underflow of node->refs");
    CHECK(w.k.reports.all()[1].what == "addition on 0 of node->refs");
}
