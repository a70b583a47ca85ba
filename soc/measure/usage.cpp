#include "soc/measure/usage.hpp"

#include <array>

namespace xlate::soc {

const char* name(ResourceKind kind) {
    static constexpr std::array<const char*, kResourceKinds> kNames{
        "memory",    "memory_banks", "system_cache",   "crossbar", "crossbar_back", "network_link", "bridge",
        "regulator", "link_up",      "link_down",      "port",     "port_slots",    "write_buffer", "micro_tlb",
        "main_tlb",  "link_to_core", "link_from_core", "bus_port", "core_slots",    "walk_slots",   "config_cache",
        "core_tlb",  "ipa_cache",    "walk_cache",     "walker",   "registers",     "commands",     "drain",
        "cpu"};
    return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace xlate::soc
