#include "kernel-model/drivers/module.hpp"

namespace xlate::kernel {

void module_init(IommuCore& core, IommuOps& ops) {
    ops.module = core.k.heap.make<Module>("IP0");
    core.k.heap.set_immortal(*ops.module.get());  // the kernel's list of modules, which the leak check does not see
}

int delete_module(IommuCore& core, Driver& driver, IommuOps& ops) {
    Frame frame{core.k, "delete_module"};
    if (ops.module.get()->freed()) return -kENOENT;
    bool unused = false;
    ops.module.get()->count.update(
        [&](int n) {
            unused = n == 0;
            return unused ? Module::kGoing : n;
        },
        "UM1");
    if (!unused) return -kEBUSY;
    for (std::size_t i = 0; i < driver.bus.devices.size(); ++i) {
        const Ptr<Device> dev = driver.bus.devices[i];
        if (dev && dev->driver.read("UM2") == &driver) core.driver_core.device_release_driver(*dev);
    }
    core.k.heap.release(ops.module, "UM3");
    return 0;
}

}  // namespace xlate::kernel
