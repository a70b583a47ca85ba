// What is fed with bytes from outside, one function a kind. Each takes any bytes: it returns, or throws what a target
// counts as ours (anything but InputError). Used by the libFuzzer targets (scripts/fuzz) and by a smoke test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::tests {

struct FuzzTarget {
    std::string_view name;
    void (*run)(const std::string& bytes);
    /// Inputs that reach far into it.
    std::vector<std::string> (*seeds)();
};

/// config, study, scenario, expression, token, result, decode, device_tree, acpi, and acpi_x for each table that is
/// read.
const std::vector<FuzzTarget>& fuzz_targets();

}  // namespace xlate::tests
