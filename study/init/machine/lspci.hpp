// The PCI functions of a machine as lspci lists them.
#pragma once

#include <string>
#include <vector>

#include "study/init/starter_function.hpp"

namespace xlate::study {

struct PciListing {
    std::string file;
    std::vector<StarterFunction> functions;  ///< of all root buses, by domain, bus, device and function
    std::vector<std::string> notes;          ///< what the listing does not say, a sentence each
};

/// What `lspci -nnvv` prints (-D, -n, -k and -x are fine, too): ids and classes, what is behind each bridge, kinds by
/// the capability Express, ACS, ATS, PRI, and the driver in use. Source: lspci(8) of pciutils and its output.
/// Errors: InputError (usage) if no line is a function with its numeric class and id; (limit) for more than 4,096
/// functions.
PciListing read_lspci(const std::string& text, const std::string& file);

}  // namespace xlate::study
