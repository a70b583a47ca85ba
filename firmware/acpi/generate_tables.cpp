#include "firmware/acpi/generate_tables.hpp"

#include <algorithm>
#include <iterator>

#include "base/bits.hpp"
#include "firmware/acpi/generate_dsdt.hpp"
#include "firmware/acpi/generate_riscv_tables.hpp"
#include "firmware/acpi/table.hpp"
#include "firmware/acpi/table_writer.hpp"
#include "firmware/board_layout.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint64_t kIoapicBase = 0xFEC0'0000;
constexpr std::uint32_t kIoapicId = 0;
constexpr std::uint16_t kIoapicFunction = 0xF0F8;  ///< f0:1f.0, as Intel's chips have it
constexpr std::uint16_t kAmdIoapicFunction = 0x00A0;
constexpr std::uint16_t kAmdOwnFunction = 0x0002, kAmdCapability = 0x40;
constexpr std::uint64_t kAddressBits = 48;

/// Its bytes without a header, to be put into another table.
std::vector<std::uint8_t> body_of(const TableWriter& writer) {
    const std::vector<std::uint8_t> whole = writer.finish();
    return {whole.begin() + kHeaderBytes, whole.end()};
}

class TablesOfBoard {
public:
    explicit TablesOfBoard(const BoardSpec& board) : board_(board), out_(lay_out(board, true)) {}

    std::vector<std::pair<std::string, std::vector<std::uint8_t>>> make() const {
        std::vector<std::pair<std::string, std::vector<std::uint8_t>>> tables;
        tables.emplace_back("dsdt", generate_dsdt(board_, out_));
        tables.emplace_back("apic", madt().finish());
        if (!out_.hosts.empty()) tables.emplace_back("mcfg", mcfg().finish());
        if (has(IommuOfBoard::vt_d)) {
            tables.emplace_back("dmar", dmar().finish());
        } else if (has(IommuOfBoard::amd_vi)) {
            tables.emplace_back("ivrs", ivrs().finish());
        } else if (machine_of(board_) == BoardMachine::riscv) {
            tables.emplace_back("rhct", rhct(board_).finish());
            tables.emplace_back("rimt", rimt(out_).finish());
        } else {
            // Without an SMMU it still says where messages go; with a VIOT alone Linux does without.
            if (has(IommuOfBoard::smmuv3) || !has(IommuOfBoard::virtio)) tables.emplace_back("iort", iort().finish());
            if (has(IommuOfBoard::virtio)) tables.emplace_back("viot", viot().finish());
        }
        return tables;
    }

private:
    bool has(IommuOfBoard kind) const {
        return std::any_of(out_.iommus.begin(), out_.iommus.end(), [&](const auto& one) { return one.kind == kind; });
    }
    bool behind(const std::optional<std::size_t>& iommu, IommuOfBoard kind) const {
        return iommu && out_.iommus[*iommu].kind == kind;
    }

    TableWriter madt() const {
        switch (machine_of(board_)) {
            case BoardMachine::x86:
                return apics();
            case BoardMachine::riscv:
                return riscv_madt(board_);
            case BoardMachine::arm:
                break;
        }
        return gics();
    }
    TableWriter gics() const {
        TableWriter table("APIC", 4);
        table.u32(0).u32(0);
        table.u8(12).u8(24).u16(0).u32(0).u64(kGicBase).u32(0).u8(3).zeros(3);
        for (std::uint32_t cpu = 0; cpu < board_.cpus; ++cpu) {
            constexpr std::uint32_t kEnabled = 1;
            table.u8(11).u8(80).u16(0).u32(cpu).u32(cpu).u32(kEnabled);
            table.zeros(44);  // no older GIC's pages, no performance interrupt
            table.zeros(8).u64(cpu).zeros(4);
        }
        table.u8(14).u8(16).u16(0).u64(kRedistributorBase).u32(kRedistributorBytes * board_.cpus);
        table.u8(15).u8(20).u16(0).u32(0).u64(kItsBase).u32(0);
        return table;
    }
    TableWriter apics() const {
        constexpr std::uint32_t kLocalApic = 0xFEE0'0000, kLegacyPics = 1, kEnabled = 1;
        TableWriter table("APIC", 4);
        table.u32(kLocalApic).u32(kLegacyPics);
        for (std::uint32_t cpu = 0; cpu < board_.cpus; ++cpu) table.u8(0).u8(8).u8(cpu).u8(cpu).u32(kEnabled);
        table.u8(1).u8(12).u8(kIoapicId).u8(0).u32(kIoapicBase).u32(0);
        return table;
    }
    TableWriter mcfg() const {
        TableWriter table("MCFG", 1);
        table.zeros(8);
        for (std::size_t i = 0; i < out_.hosts.size(); ++i)
            table.u64(out_.hosts[i].ecam).u16(i).u8(0).u8(out_.hosts[i].buses - 1).u32(0);
        return table;
    }

    /// Revision 0 (issue D): nodes have no identifiers, and every iasl reads it.
    TableWriter iort() const {
        constexpr std::uint32_t kHead = 48, kAll = 0x1'0000, kSingle = 1, kCoherent = 1, kBits = 64;
        constexpr std::uint64_t kPathAndSnoop = 3;
        TableWriter table("IORT", 0);
        table.u32(0).u32(kHead).u32(0);
        std::uint32_t nodes = 0;
        const std::size_t its = table.size();
        table.u8(0).u16(24).u8(0).u32(0).u32(0).u32(0).u32(1).u32(0);
        ++nodes;
        std::vector<std::size_t> smmus(out_.iommus.size(), 0);
        const auto map = [&](std::uint32_t first, std::uint32_t ids, std::uint32_t out, std::size_t to, bool single) {
            table.u32(first).u32(ids - 1).u32(out).u32(to).u32(single ? kSingle : 0);
        };
        for (std::size_t i = 0; i < out_.iommus.size(); ++i) {
            const BoardLayout::Iommu& one = out_.iommus[i];
            if (one.kind != IommuOfBoard::smmuv3) continue;
            const std::uint32_t line = kFirstSharedInterrupt + one.spi;  // eventq, priq, cmdq-sync, gerror
            smmus[i] = table.size();
            table.u8(4).u16(88).u8(1).u32(0).u32(1).u32(68);
            ++nodes;
            table.u64(one.base).u32(kCoherent).u32(0).u64(0).u32(0);
            table.u32(line).u32(line + 1).u32(line + 3).u32(line + 2).u32(0).u32(0);
            map(0, kAll, static_cast<std::uint32_t>(i * kAll), its, false);
        }
        for (std::size_t i = 0; i < out_.hosts.size(); ++i) {
            const BoardLayout::Host& one = out_.hosts[i];
            if (one.iommu && !behind(one.iommu, IommuOfBoard::smmuv3)) continue;  // the VIOT has it
            table.u8(2).u16(56).u8(1).u32(0).u32(1).u32(36);
            ++nodes;
            table.u32(kCoherent).u8(0).u16(0).u8(kPathAndSnoop).u32(0).u32(i).u32(kBits);
            map(0, one.ids, one.iommu ? one.first_id : static_cast<std::uint32_t>(i * kAll),
                one.iommu ? smmus[*one.iommu] : its, false);
        }
        for (std::size_t i = 0; i < out_.masters.size(); ++i) {
            const BoardLayout::Master& one = out_.masters[i];
            if (one.iommu && !behind(one.iommu, IommuOfBoard::smmuv3)) continue;
            TableWriter body("BODY", 0);
            body.u32(0).u32(one.coherent ? kCoherent : 0).u8(0).u16(0).u8(one.coherent ? kPathAndSnoop : 0).u8(kBits);
            body.text(master_path(i));
            std::vector<std::uint8_t> fields = body_of(body);
            fields.resize(align_up(fields.size() + 1, 4));  // iasl takes no padding of length 0
            const std::size_t maps = one.iommu ? one.ids : 0;
            table.u8(1).u16(16 + fields.size() + 20 * maps).u8(2).u32(0).u32(maps);
            ++nodes;
            table.u32(maps == 0 ? 0 : 16 + fields.size()).raw(fields);
            for (std::uint32_t id = 0; id < maps; ++id) map(0, 1, one.first_id + id, smmus[*one.iommu], true);
        }
        table.patch(kHeaderBytes, 4, nodes);
        return table;
    }

    TableWriter viot() const {
        constexpr std::uint32_t kHead = 48;
        TableWriter table("VIOT", 0);
        table.u16(0).u16(kHead).zeros(8);
        std::uint32_t nodes = 0;
        std::vector<std::size_t> iommus(out_.iommus.size(), 0);
        for (std::size_t i = 0; i < out_.iommus.size(); ++i) {
            if (out_.iommus[i].kind != IommuOfBoard::virtio) continue;
            iommus[i] = table.size();
            table.u8(4).u8(0).u16(16).u32(0).u64(out_.iommus[i].base);
            ++nodes;
        }
        for (std::size_t i = 0; i < out_.hosts.size(); ++i) {
            const BoardLayout::Host& one = out_.hosts[i];
            if (!behind(one.iommu, IommuOfBoard::virtio)) continue;
            table.u8(1).u8(0).u16(24).u32(one.first_id).u16(i).u16(i).u16(0).u16(one.ids - 1);
            table.u16(iommus[*one.iommu]).zeros(6);
            ++nodes;
        }
        for (const BoardLayout::Master& one : out_.masters) {
            if (!behind(one.iommu, IommuOfBoard::virtio)) continue;
            table.u8(2).u8(0).u16(24).u32(one.first_id).u64(one.base).u16(iommus[*one.iommu]).zeros(6);
            ++nodes;
        }
        table.patch(kHeaderBytes, 2, nodes);
        return table;
    }

    /// Of the units of a segment the one for the rest comes last.
    TableWriter dmar() const {
        constexpr std::uint8_t kInterruptRemapping = 1, kIncludeAll = 1;
        constexpr std::uint8_t kIoapicScope = 3, kNamespaceScope = 5;
        TableWriter table("DMAR", 1);
        table.u8(kAddressBits - 1).u8(kInterruptRemapping).zeros(10);
        const auto unit = [&](std::size_t i) {
            const BoardLayout::Iommu& one = out_.iommus[i];
            TableWriter scopes("BODY", 0);
            const auto scope = [&](std::uint8_t type, std::size_t number, std::uint32_t id) {
                scopes.u8(type).u8(8).zeros(2).u8(number).u8(id >> 8).u8(id >> 3 & 31).u8(id & 7);
            };
            for (std::size_t at = 0; at < out_.masters.size(); ++at) {
                if (out_.masters[at].iommu == i) scope(kNamespaceScope, at + 1, out_.masters[at].first_id);
            }
            if (i + 1 == out_.iommus.size()) scope(kIoapicScope, kIoapicId, kIoapicFunction);
            const std::vector<std::uint8_t> fields = body_of(scopes);
            const std::size_t segment = one.hosts.empty() ? 0 : one.hosts.front();
            table.u16(0).u16(16 + fields.size()).u8(one.hosts.empty() ? 0 : kIncludeAll).u8(0).u16(segment);
            table.u64(one.base).raw(fields);
        };
        for (std::size_t i = 0; i < out_.iommus.size(); ++i) {
            if (out_.iommus[i].hosts.empty()) unit(i);
        }
        for (std::size_t i = 0; i < out_.iommus.size(); ++i) {
            if (!out_.iommus[i].hosts.empty()) unit(i);
        }
        for (std::size_t i = 0; i < out_.masters.size(); ++i) {
            if (!out_.masters[i].iommu) continue;
            const std::string path = master_path(i);
            table.u16(4).u16(8 + path.size() + 1).zeros(3).u8(i + 1).text(path);
        }
        return table;
    }

    TableWriter ivrs() const {
        constexpr std::uint32_t kInfo = 0x203040 | 1;  // addresses of 48 bits, EFRSup
        // Devices of the namespace need the newest kind of unit.
        const bool names =
            std::any_of(out_.masters.begin(), out_.masters.end(), [](const auto& one) { return one.iommu; });
        const std::uint8_t type = names ? 0x40 : 0x11;
        constexpr std::size_t kHead = 40;
        TableWriter table("IVRS", 2);
        table.u32(kInfo).zeros(8);
        for (std::size_t i = 0; i < out_.iommus.size(); ++i) {
            const BoardLayout::Iommu& one = out_.iommus[i];
            TableWriter entries("BODY", 0);
            if (!one.hosts.empty()) entries.u8(3).u16(0).u8(0).u8(4).u16(out_.hosts[one.hosts.front()].ids - 1).u8(0);
            for (const BoardLayout::Master& master : out_.masters) {
                if (master.iommu != i) continue;
                constexpr std::uint8_t kHid = 0xF0, kInteger = 1;
                entries.u8(kHid).u16(master.first_id).u8(0).text(master_hid(master.entry), 8).zeros(8);
                entries.u8(kInteger).u8(8).u64(master.number);
            }
            if (i == 0) entries.u8(0x48).u16(0).u8(0xD7).u8(kIoapicId).u16(kAmdIoapicFunction).u8(1);
            const std::vector<std::uint8_t> fields = body_of(entries);
            const std::size_t segment = one.hosts.empty() ? 0 : one.hosts.front();
            // Units without a host have functions of their own behind the first one's.
            table.u8(type).u8(0).u16(kHead + fields.size()).u16(kAmdOwnFunction + (i << 3)).u16(kAmdCapability);
            table.u64(one.base).u16(segment).u16(0).u32(0).u64(0).u64(0).raw(fields);
        }
        return table;
    }

    const BoardSpec& board_;
    const BoardLayout out_;
};

}  // namespace

Span<std::string_view> generated_tables() {
    static constexpr std::string_view kNames[] = {"dsdt", "apic", "mcfg", "iort", "viot",
                                                  "dmar", "ivrs", "rhct", "rimt"};
    return {kNames, std::size(kNames)};
}

std::vector<std::pair<std::string, std::vector<std::uint8_t>>> generate_tables(const BoardSpec& board) {
    return TablesOfBoard(board).make();
}

}  // namespace xlate::firmware::acpi
