// Scopes of a DMAR that go through bridges: which requester ids they cover is known once buses have numbers.
#pragma once

#include "firmware/description.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Adds rows to the maps of host bridges: for what is behind the bridges that units' scopes name, and for endpoints
/// that scopes name by a path through bridges. Buses are numbered as Linux does it, from soc.pci. Nothing without a
/// DMAR. A scope that names no function of soc.pci is noted among the oddities.
void settle_dmar_scopes(const Config& config, firmware::Description& description);

}  // namespace xlate::study
