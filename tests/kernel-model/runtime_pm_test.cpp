// Runtime power management as IOMMUs see it.
#include "kernel-model/driver-core/runtime_pm.hpp"

#include <catch2/catch.hpp>

#include "kernel-model/driver-core/device.hpp"
#include "tests/kernel-model/core_test_world.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

struct PowerWorld {
    Ptr<Device> make(const std::string& name) {
        return world.k.heap.make<Device>("test", name, nullptr, Ptr<Device>{}, std::optional<firmware::NodeIndex>{});
    }
    void enable(const Ptr<Device>& dev, int result = 0) {
        power.enable(*dev, {[this, dev, result] {
                                log.push_back("+" + dev->name);
                                return result;
                            },
                            [this, dev] { log.push_back("-" + dev->name); }});
    }
    World world;
    RuntimePm power;
    Ptr<Device> iommu = make("iommu"), master = make("master"), other = make("other");
    std::vector<std::string> log;
};
using Log = std::vector<std::string>;

}  // namespace

TEST_CASE("runtime pm: a supplier is on from its consumer's first use to its last", "[kernel-model][pm]") {
    PowerWorld w;
    w.enable(w.iommu);
    w.power.link(*w.master, *w.iommu);
    w.power.link(*w.other, *w.iommu);
    CHECK_FALSE(w.power.in_use(*w.iommu));
    CHECK(w.power.never_resumed("master") == Log{"iommu"});
    CHECK(w.power.get_sync(*w.master) == 0);
    CHECK(w.power.in_use(*w.iommu));
    CHECK(w.power.get_sync(*w.other) == 0);
    CHECK(w.log == Log{"+iommu"});
    w.power.put(*w.master);
    CHECK(w.log == Log{"+iommu"});
    w.power.put(*w.other);
    CHECK(w.log == Log{"+iommu", "-iommu"});
    CHECK_FALSE(w.power.in_use(*w.iommu));
    CHECK(w.power.never_resumed("master").empty());
}

TEST_CASE("runtime pm: the supplier first, and a link to a consumer in use counts at once", "[kernel-model][pm]") {
    PowerWorld w;
    w.enable(w.iommu);
    w.enable(w.master);
    w.power.link(*w.master, *w.iommu);
    w.power.get_sync(*w.master);
    CHECK(w.log == Log{"+iommu", "+master"});
    w.power.put(*w.master);
    CHECK(w.log == Log{"+iommu", "+master", "-master", "-iommu"});
    w.log.clear();
    w.power.get_sync(*w.other);
    w.power.link(*w.other, *w.iommu);
    CHECK(w.log == Log{"+iommu"});
    w.power.unlink(*w.other, *w.iommu);
    CHECK(w.log == Log{"+iommu", "-iommu"});
}

TEST_CASE("runtime pm: a resume that fails is the consumer's error, and leaves both suspended", "[kernel-model][pm]") {
    PowerWorld w;
    w.enable(w.iommu, -5);
    w.enable(w.master);
    w.power.link(*w.master, *w.iommu);
    CHECK(w.power.get_sync(*w.master) == -5);
    CHECK(w.log == Log{"+iommu"});
    CHECK_FALSE(w.power.in_use(*w.iommu));
    w.power.put(*w.master);
    CHECK(w.log == Log{"+iommu"});
}

TEST_CASE("runtime pm: a device that its driver has given up is not called", "[kernel-model][pm]") {
    PowerWorld w;
    w.enable(w.iommu);
    w.power.link(*w.master, *w.iommu);
    w.power.disable(*w.iommu);
    CHECK(w.power.get_sync(*w.master) == 0);
    w.power.put(*w.master);
    CHECK(w.log.empty());
    CHECK(w.power.never_resumed("nobody").empty());
}

TEST_CASE("runtime pm: what is set up while its supplier is awake waits for the next resume", "[kernel-model][pm]") {
    PowerWorld w;
    w.enable(w.iommu);
    w.power.link(*w.master, *w.iommu);
    w.power.link(*w.other, *w.iommu);
    w.power.set_up(*w.master);  // asleep: it will be there
    CHECK(w.power.awake_since_before(w.master->name).empty());
    w.power.get_sync(*w.other);
    w.power.put(*w.other);
    w.power.get_sync(*w.master);
    w.power.set_up(*w.other);
    CHECK(w.power.awake_since_before(w.other->name) == std::vector<std::string>{w.iommu->name});
    CHECK(w.power.awake_since_before(w.master->name).empty());
    w.power.get_sync(*w.other);  // awake as before
    CHECK(w.power.awake_since_before(w.other->name).size() == 1);
    w.power.put(*w.other);
    w.power.put(*w.master);
    w.power.get_sync(*w.other);
    CHECK(w.power.awake_since_before(w.other->name).empty());
    CHECK(w.power.awake_since_before("nobody").empty());
}

TEST_CASE("runtime pm: what a new device needs of a supplier that is awake is written at once, and not when it returns",
          "[kernel-model][pm]") {
    PowerWorld w;
    w.enable(w.iommu);
    w.power.link(*w.master, *w.iommu);
    w.power.link(*w.other, *w.iommu);
    w.power.get_sync(*w.master);
    w.log.clear();
    w.power.set_up(*w.other);
    CHECK(w.log == Log{"-iommu", "+iommu"});
    CHECK(w.power.awake_since_before(w.other->name).empty());
    w.power.get_sync(*w.other);
    w.power.put(*w.other);
    w.log.clear();
    w.power.set_up(*w.other);  // bound again, while the master is at work
    CHECK(w.log.empty());
    CHECK(w.power.awake_since_before(w.other->name) == std::vector<std::string>{w.iommu->name});
}
