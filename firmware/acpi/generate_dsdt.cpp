#include "firmware/acpi/generate_dsdt.hpp"

#include <fmt/format.h>

#include "firmware/acpi/aml_writer.hpp"
#include "firmware/acpi/table_writer.hpp"

namespace xlate::firmware::acpi {
namespace {

using aml::Bytes;

constexpr std::uint8_t kDsdtRevision = 2;  ///< integers have 64 bits
constexpr unsigned kOscArguments = 4;

Bytes processor(std::size_t number) {
    return aml::device(fmt::format("C{:03X}", number), aml::join({aml::name("_HID", aml::string("ACPI0007")),
                                                                  aml::name("_UID", aml::integer(number))}));
}

Bytes virtio(std::size_t number, const BoardLayout::Iommu& iommu) {
    aml::Resources resources;
    resources.fixed_memory(static_cast<std::uint32_t>(iommu.base), static_cast<std::uint32_t>(iommu.bytes));
    resources.interrupt(kFirstSharedInterrupt + iommu.spi);
    return aml::device(fmt::format("V{:03X}", number),
                       aml::join({aml::name("_HID", aml::string("LNRO0005")), aml::name("_UID", aml::integer(number)),
                                  aml::name("_CCA", aml::integer(1)), aml::name("_CRS", resources.finish())}));
}

Bytes riscv_iommu(std::size_t number, const BoardLayout::Iommu& iommu) {
    aml::Resources resources;
    resources.fixed_memory(static_cast<std::uint32_t>(iommu.base), static_cast<std::uint32_t>(iommu.bytes));
    for (std::uint32_t wire = 0; wire < kRiscvIommuWires; ++wire) resources.interrupt(iommu.spi + wire);
    return aml::device(
        fmt::format("I{:03X}", number),
        aml::join({aml::name("_HID", aml::string(kRiscvIommuHid)), aml::name("_UID", aml::integer(number)),
                   aml::name("_CCA", aml::integer(1)), aml::name("_CRS", resources.finish())}));
}

/// Its interrupts are all GSIs there are.
Bytes plic() {
    aml::Resources resources;
    resources.fixed_memory(kPlicBase, kPlicBytes);
    return aml::device("PLIC",
                       aml::join({aml::name("_HID", aml::string("RSCV0001")), aml::name("_UID", aml::integer(0)),
                                  aml::name("_GSB", aml::integer(0)), aml::name("_CRS", resources.finish())}));
}

Bytes master(std::size_t number, const BoardLayout::Master& of) {
    aml::Resources resources;
    resources.memory(of.base, kMasterBytes);
    return aml::device(
        fmt::format("M{:03X}", number),
        aml::join({aml::name("_HID", aml::string(master_hid(of.entry))), aml::name("_UID", aml::integer(of.number)),
                   aml::name("_DDN", aml::string(of.name)), aml::name("_CCA", aml::integer(of.coherent ? 1 : 0)),
                   aml::name("_CRS", resources.finish())}));
}

/// A bridge, and the motherboard's resource that keeps its configuration space free.
Bytes host(std::size_t number, const BoardLayout::Host& of) {
    aml::Resources resources, ecam;
    resources.buses(0, static_cast<std::uint16_t>(of.buses)).window(of.window, of.window_bytes);
    ecam.memory(of.ecam, std::uint64_t{of.buses} << 20);
    return aml::join(
        {aml::device(fmt::format("PC{:02X}", number),
                     aml::join({aml::name("_HID", aml::eisa_id("PNP0A08")), aml::name("_CID", aml::eisa_id("PNP0A03")),
                                aml::name("_SEG", aml::integer(number)), aml::name("_BBN", aml::integer(0)),
                                aml::name("_UID", aml::integer(number)), aml::name("_CCA", aml::integer(1)),
                                aml::name("_CRS", resources.finish()),
                                // What the operating system asks for is granted as it was asked.
                                aml::returns_last_argument("_OSC", kOscArguments)})),
         aml::device(fmt::format("RE{:02X}", number),
                     aml::join({aml::name("_HID", aml::eisa_id("PNP0C02")), aml::name("_UID", aml::integer(number)),
                                aml::name("_CRS", ecam.finish())}))});
}

}  // namespace

std::string master_path(std::size_t master) { return fmt::format("\\_SB_.M{:03X}", master); }
std::string master_hid(std::size_t entry) { return fmt::format("XLAT{:04X}", entry + 1); }

std::vector<std::uint8_t> generate_dsdt(const BoardSpec& board, const BoardLayout& layout) {
    std::vector<Bytes> devices;
    for (std::size_t i = 0; i < board.cpus; ++i) devices.push_back(processor(i));
    if (machine_of(board) == BoardMachine::riscv) devices.push_back(plic());
    for (std::size_t i = 0; i < layout.iommus.size(); ++i) {
        if (layout.iommus[i].kind == IommuOfBoard::virtio) devices.push_back(virtio(i, layout.iommus[i]));
        if (layout.iommus[i].kind == IommuOfBoard::riscv) devices.push_back(riscv_iommu(i, layout.iommus[i]));
    }
    for (std::size_t i = 0; i < layout.masters.size(); ++i) devices.push_back(master(i, layout.masters[i]));
    for (std::size_t i = 0; i < layout.hosts.size(); ++i) devices.push_back(host(i, layout.hosts[i]));
    TableWriter table("DSDT", kDsdtRevision);
    table.raw(aml::scope("_SB_", aml::join(devices)));
    return table.finish();
}

}  // namespace xlate::firmware::acpi
