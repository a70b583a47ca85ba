#include "kernel-model/clients/client_modules.hpp"

#include "kernel-model/clients/omap_clients.hpp"

namespace xlate::kernel {

std::vector<std::string> client_modules(const firmware::Description& board) { return omap_client_modules(board); }

}  // namespace xlate::kernel
