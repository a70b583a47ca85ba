#include "firmware/acpi/madt.hpp"

#include <fmt/format.h>

namespace xlate::firmware::acpi {
namespace {

enum class MadtType : std::uint8_t {
    lapic = 0,
    io_apic = 1,
    x2apic = 9,
    gicc = 11,
    msi_frame = 13,
    its = 15,
    rintc = 24
};
constexpr std::uint64_t kFirst = 44;

}  // namespace

Madt read_madt(const Table& table, std::vector<Oddity>& oddities) {
    TableReader in(table, oddities);
    in.u64(kHeaderBytes, "its fixed part");
    Madt madt;
    for (std::uint64_t at = kFirst; at < in.size();) {
        const std::uint64_t length = in.holds(at, 2) ? in.u8(at + 1, "a structure") : 0;
        if (length < 2 || !in.holds(at, length)) {
            in.note(at, "a structure does not fit the table; the rest is ignored");
            break;
        }
        const auto type = static_cast<MadtType>(in.u8(at, "a structure"));
        if (type == MadtType::lapic && length >= 8) {
            if ((in.u32(at + 4, "a processor") & 1) != 0) madt.processors.push_back(in.u8(at + 3, "a processor"));
        } else if (type == MadtType::io_apic && length >= 12) {
            madt.io_apics.push_back(in.u8(at + 2, "an I/O APIC"));
        } else if (type == MadtType::x2apic && length >= 16) {
            if ((in.u32(at + 8, "a processor") & 1) != 0) madt.processors.push_back(in.u32(at + 4, "a processor"));
        } else if (type == MadtType::gicc && length >= 40) {
            if ((in.u32(at + 12, "a processor") & 1) != 0) madt.processors.push_back(in.u32(at + 8, "a processor"));
        } else if (type == MadtType::rintc && length >= 20) {
            if ((in.u32(at + 4, "a processor") & 1) != 0) madt.processors.push_back(in.u32(at + 16, "a processor"));
        } else if (type == MadtType::msi_frame && length >= 24) {
            Madt::MsiFrame frame;
            frame.base = in.u64(at + 8, "an MSI frame");
            if ((in.u32(at + 16, "an MSI frame") & 1) != 0) frame.spi_base = in.u16(at + 22, "an MSI frame");
            madt.msi_frames.push_back(frame);
        } else if (type == MadtType::its && length >= 20) {
            madt.its.push_back({in.u32(at + 4, "an ITS"), in.u64(at + 8, "an ITS")});
        }
        at += length;
    }
    return madt;
}

}  // namespace xlate::firmware::acpi
