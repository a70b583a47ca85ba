// The registers of a VT-d unit: rows for what there is, their contents, and writes that have no further effect.
// Effects are the Vtd's (vtd.cpp); GSTS, FSTS, the event control registers and fault records have words of their own.
// Source: docs/spec/iommu-hardware.md section 3.1; VT-d specification 4.1, chapter 11.
#pragma once

#include <array>
#include <cstdint>

#include "base/registers.hpp"
#include "base/span.hpp"
#include "iommu/intel/parameters.hpp"

namespace xlate::iommu::vtd {

struct RegRow {
    RegSpec spec;
    std::uint64_t writable = 0;  ///< bits that software may change
};
/// In order of offset. IOTLB registers and fault records are not among them: where they stand, the capabilities say.
Span<RegRow> register_rows();
inline constexpr std::size_t kRegisterRows = 37;

class Registers {
public:
    explicit Registers(const VtdParams& params) : params_(params) { reset(); }
    void reset();
    /// The row that holds byte `offset`, or nullptr.
    static const RegRow* find(std::uint32_t offset);
    /// Of a row that find() gave.
    std::uint64_t read(const RegRow& row) const { return values_[index(row)]; }
    void store(const RegRow& row, std::uint64_t value) { values_[index(row)] = value; }
    std::uint64_t get(std::uint32_t offset) const { return values_[index(*find(offset))]; }
    void set(std::uint32_t offset, std::uint64_t value) { values_[index(*find(offset))] = value; }

    /// Address and data of an event's message, of the registers from `data` on (FEDATA, IEDATA, PEDATA).
    std::uint64_t message_address(std::uint32_t data) const { return get(data + 4) | get(data + 8) << 32; }

private:
    static std::size_t index(const RegRow& row);

    VtdParams params_;
    std::array<std::uint64_t, kRegisterRows> values_{};
};

}  // namespace xlate::iommu::vtd
