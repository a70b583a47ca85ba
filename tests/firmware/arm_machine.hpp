// A small Arm machine, to which a test adds its IOMMU and masters.
#pragma once

#include "tests/firmware/tree_builder.hpp"

namespace xlate::tests {

/// At the root: one cell for addresses and sizes, a CPU, 256 MiB of memory, and a GICv3 that is everybody's interrupt
/// parent (phandle 9).
inline void open_arm_machine(TreeBuilder& tree) {
    tree.cells("#address-cells", {1}).cells("#size-cells", {1}).cells("interrupt-parent", {9});
    tree.open("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    tree.open("cpu@0").text("device_type", "cpu").text("compatible", "arm,cortex-a72").cells("reg", {0}).close();
    tree.close();
    tree.open("memory@80000000").text("device_type", "memory").cells("reg", {0x80000000, 0x10000000}).close();
    tree.open("gic@8000000").text("compatible", "arm,gic-v3").cells("reg", {0x8000000, 0x10000, 0x80a0000, 0x20000});
    tree.flag("interrupt-controller").cells("#interrupt-cells", {3}).cells("phandle", {9}).close();
}

}  // namespace xlate::tests
