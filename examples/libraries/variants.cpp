// The kernel model alone: its variants, printed from a fiber of its own, as its tasks run on them.
#include <cstdio>
#include <string>

#include <xlate/kernel-model/core/fiber.hpp>
#include <xlate/kernel-model/iommu-core/variant.hpp>

int main() {
    using namespace xlate::kernel;
    StackPool stacks;
    unsigned count = 0;
    Fiber fiber(
        stacks,
        [](void* counted) {
            for (const Variant& variant : variants()) {
                std::printf("%s\n", std::string(variant.name).c_str());
                ++*static_cast<unsigned*>(counted);
            }
        },
        &count);
    fiber.resume();
    return count > 0 ? 0 : 1;
}
