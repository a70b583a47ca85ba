// PCI functions of a starter config on one line: "1.0 nvme 2.0 pcie-root-port(0.0 igb)".
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "study/init/starter_function.hpp"

namespace xlate::tests {

/// Those that have a model, what is behind one in brackets; without their models: "1.0 2.0(0.0)".
inline std::string functions_text(const std::vector<study::StarterFunction>& functions, bool models) {
    std::string text;
    for (const study::StarterFunction& function : functions) {
        if (function.model.empty()) continue;
        text += fmt::format("{}{:x}.{}{}", text.empty() ? "" : " ", function.device, function.function,
                            models ? " " + function.model : "");
        if (!function.below.empty()) text += "(" + functions_text(function.below, models) + ")";
    }
    return text;
}

}  // namespace xlate::tests
