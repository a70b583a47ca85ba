// Writes AML, as far as a namespace of constant devices needs it: scopes, devices, names, integers, strings, buffers
// and resource templates. What it makes is bytes to be put into another of its makings, and into a DSDT at last.
// Source: ACPI specification 6.5, chapters 20 (encoding) and 6.4 (resource descriptors).
// Absent: methods that do something, fields, packages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::firmware::acpi::aml {

using Bytes = std::vector<std::uint8_t>;

/// Names have four characters: capitals, digits, '_', no digit first. `path` of a scope: such names with dots between,
/// from the root.
Bytes scope(std::string_view path, const Bytes& body);
Bytes device(std::string_view name, const Bytes& body);
Bytes name(std::string_view name, const Bytes& value);
/// A method that returns its last argument of `arguments`, 1 to 7.
Bytes returns_last_argument(std::string_view name, unsigned arguments);

/// In the shortest form.
Bytes integer(std::uint64_t value);
Bytes string(std::string_view text);
/// "PNP0A08": three capitals and four hexadecimal digits, as a number.
Bytes eisa_id(std::string_view id);
Bytes buffer(const Bytes& bytes);

/// One behind the other.
Bytes join(const std::vector<Bytes>& parts);

/// A list of resource descriptors.
class Resources {
public:
    /// Of a device: its registers. Both below 4 GiB.
    Resources& fixed_memory(std::uint32_t base, std::uint32_t bytes);
    /// Of a device: its registers.
    Resources& memory(std::uint64_t base, std::uint64_t bytes);
    /// Of a host bridge: what it hands down, at the same addresses.
    Resources& window(std::uint64_t base, std::uint64_t bytes);
    /// Of a host bridge.
    Resources& buses(std::uint16_t first, std::uint16_t count);
    /// Edge-triggered, active high.
    Resources& interrupt(std::uint32_t gsi);
    /// ResourceTemplate: a buffer with an end tag.
    Bytes finish() const;

private:
    Resources& address_space(unsigned bytes, unsigned type, unsigned flags, unsigned type_flags, std::uint64_t first,
                             std::uint64_t count);

    Bytes bytes_;
};

}  // namespace xlate::firmware::acpi::aml
