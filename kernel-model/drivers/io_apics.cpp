#include "kernel-model/drivers/io_apics.hpp"

#include "firmware/acpi/madt.hpp"
#include "firmware/acpi/tables.hpp"

namespace xlate::kernel {

std::optional<std::vector<std::uint8_t>> io_apics(const firmware::Description& description) {
    const firmware::acpi::Table* const madt = description.tables ? description.tables->find("APIC") : nullptr;
    if (madt == nullptr) return std::nullopt;
    std::vector<firmware::Oddity> said_before;  // when the description was made
    return read_madt(*madt, said_before).io_apics;
}

}  // namespace xlate::kernel
