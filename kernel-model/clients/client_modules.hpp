// Modules of clients that have drivers of their own here, for whoever writes down what a kernel loads.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::kernel {

/// Those that have a device on the board, each once. Tegra's graphics are as good as built in.
std::vector<std::string> client_modules(const firmware::Description& board);

}  // namespace xlate::kernel
