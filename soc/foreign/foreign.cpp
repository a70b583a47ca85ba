#include "soc/foreign/foreign.hpp"

#include <stdexcept>

#include "base/quantity.hpp"

namespace xlate::soc {

namespace {

ForeignRegistry& registry() {
    static ForeignRegistry all;
    return all;
}

[[noreturn]] void wrong(const std::string& option, const std::string& found, const char* expected) {
    throw std::invalid_argument("option '" + option + "': found '" + printable(found) + "', expected " + expected);
}

}  // namespace

std::string ForeignSetup::text(const std::string& option, const std::string& usual) const {
    asked_.insert(option);
    const auto at = options.find(option);
    return at == options.end() ? usual : at->second;
}

std::uint64_t ForeignSetup::number(const std::string& option, std::uint64_t usual) const {
    const std::string found = text(option, "");
    if (found.empty()) return usual;
    const Parsed<std::uint64_t> value = parse_integer(found);
    if (!value) wrong(option, found, "a number");
    return value.value();
}

SimTime ForeignSetup::time(const std::string& option, SimTime usual) const {
    const std::string found = text(option, "");
    if (found.empty()) return usual;
    const Parsed<SimTime> value = parse_time(found);
    if (!value) wrong(option, found, "a time such as '50 ns'");
    return value.value();
}

void register_foreign_memory(const std::string& name, ForeignFactory<ForeignMemory, ForeignMemorySetup> factory) {
    registry().memories[name] = std::move(factory);
}

void register_foreign_master(const std::string& name, ForeignFactory<ForeignMaster, ForeignMasterSetup> factory) {
    registry().masters[name] = std::move(factory);
}

void register_foreign_interconnect(const std::string& name,
                                   ForeignFactory<ForeignInterconnect, ForeignInterconnectSetup> factory) {
    registry().interconnects[name] = std::move(factory);
}

const ForeignRegistry& foreign_registry() { return registry(); }

}  // namespace xlate::soc
