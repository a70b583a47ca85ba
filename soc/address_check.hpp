// Two modules at one address: what firmware may say by mistake, and an interconnect cannot serve.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "firmware/description.hpp"
#include "soc/config.hpp"
#include "soc/topology.hpp"

namespace xlate::soc {

/// Registers of IOMMUs and pages of MSI controllers that lie over one another: a finding for each that begins within
/// another one. Not asked: pages of counters; and memory, which test boards place register files in: there, registers
/// go before memory; units that a kernel uses only where it can reserve their registers (VT-d, AMD-Vi). Registers that
/// are memory themselves (IommuParams::inert) do not count.
std::vector<Diagnostic> check_addresses(const SocConfig& config, const firmware::Description& description,
                                        const Topology& topology);

}  // namespace xlate::soc
