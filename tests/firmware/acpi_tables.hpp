// Small tables of every kind, for tests: written here, read by iasl without complaint.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bits.hpp"
#include "firmware/acpi/table_writer.hpp"
#include "firmware/acpi/tables.hpp"

namespace xlate::tests {

using firmware::acpi::TableWriter;
using Bytes = std::vector<std::uint8_t>;

/// An IORT in the making: nodes in order; mappings refer to the offsets that `node` functions return.
class IortWriter {
public:
    struct Map {
        std::uint32_t input = 0;
        std::uint32_t count = 0;  ///< minus one, as the table has it
        std::uint32_t output = 0;
        std::uint32_t reference = 0;
        std::uint32_t flags = 0;
    };
    explicit IortWriter(std::uint8_t revision = 6) : out_("IORT", revision) { out_.u32(0).u32(48).u32(0); }

    std::uint32_t its(const std::vector<std::uint32_t>& ids) {
        TableWriter body("BODY", 0);
        body.u32(ids.size());
        for (const std::uint32_t id : ids) body.u32(id);
        return node(0, 1, body, {});
    }
    std::uint32_t component(const std::string& path, std::uint32_t flags, const std::vector<Map>& maps) {
        TableWriter body("BODY", 0);
        body.u32(flags).u32(1).u8(0).u16(0).u8(3).u8(64).text(path);
        return node(1, 4, body, maps);
    }
    std::uint32_t root_complex(std::uint32_t segment, const std::vector<Map>& maps, std::uint32_t ats = 0) {
        TableWriter body("BODY", 0);
        body.u32(1).u8(0).u16(0).u8(3).u32(ats).u32(segment).u8(64).u16(0).u8(0).u32(0);
        return node(2, 4, body, maps);
    }
    std::uint32_t smmu(std::uint64_t base, std::uint32_t model, unsigned contexts) {
        TableWriter body("BODY", 0);
        body.u64(base).u64(0x10000).u32(model).u32(2).u32(60).u32(contexts).u32(76).u32(0).u32(0);
        body.u32(100).u32(0).u32(0).u32(0);
        for (unsigned i = 0; i < contexts; ++i) body.u32(200 + i).u32(1);
        return node(3, 3, body, {});
    }
    std::uint32_t smmu_v3(std::uint64_t base, const std::vector<Map>& maps = {}, std::uint32_t flags = 1) {
        TableWriter body("BODY", 0);
        body.u64(base).u32(flags).u32(0).u64(0).u32(0).u32(106).u32(107).u32(109).u32(108).u32(0).u32(0);
        return node(4, 4, body, maps);
    }
    std::uint32_t pmcg(std::uint64_t page0, std::uint64_t page1, std::uint32_t of) {
        TableWriter body("BODY", 0);
        body.u64(page0).u32(150).u32(of).u64(page1);
        return node(5, 2, body, {});
    }
    std::uint32_t rmr(std::uint64_t base, std::uint64_t length, const std::vector<Map>& maps) {
        return rmr({{base, length}}, maps);
    }
    std::uint32_t rmr(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges,
                      const std::vector<Map>& maps) {
        TableWriter body("BODY", 0);
        body.u32(0)
            .u32(static_cast<std::uint32_t>(ranges.size()))
            .u32(28 + 20 * static_cast<std::uint32_t>(maps.size()));
        const std::uint32_t at = node(6, 3, body, maps);
        for (const auto& [base, length] : ranges) out_.u64(base).u64(length).u32(0);
        out_.patch(at + 1, 2, out_.size() - at);
        return at;
    }
    std::uint32_t next() const { return static_cast<std::uint32_t>(out_.size()); }
    TableWriter& out() { return out_; }
    Bytes finish() {
        out_.patch(36, 4, count_);
        return out_.finish();
    }

    std::uint32_t node(std::uint8_t type, std::uint8_t revision, const TableWriter& body,
                       const std::vector<Map>& maps) {
        const Bytes whole = body.finish();
        Bytes fields(whole.begin() + 36, whole.end());
        fields.resize(align_up(fields.size(), 4));
        const std::uint32_t at = next();
        const std::size_t length = 16 + fields.size() + 20 * maps.size();
        out_.u8(type)
            .u16(length)
            .u8(revision)
            .u32(count_++)
            .u32(maps.size())
            .u32(maps.empty() ? 0 : 16 + fields.size());
        out_.raw(fields);
        for (const Map& map : maps)
            out_.u32(map.input).u32(map.count).u32(map.output).u32(map.reference).u32(map.flags);
        return at;
    }

private:
    TableWriter out_;
    std::uint32_t count_ = 0;
};

/// ITS, SMMUv3 with a counter group, SMMU-500, two root complexes, a named component with two ids, an RMR.
inline Bytes sample_iort() {
    IortWriter iort;
    const std::uint32_t its = iort.its({0, 7});
    const std::uint32_t v3 = iort.smmu_v3(0x9050000, {{0, 0xFFFF, 0x30000, its, 0}});
    const std::uint32_t v2 = iort.smmu(0xA000000, 3, 2);
    iort.pmcg(0x9062000, 0x9072000, v3);
    iort.root_complex(0, {{0, 0x8FF, 0x100, v3, 0}, {0x900, 0xF6FF, 0x900, its, 0}}, 1);
    iort.root_complex(1, {{0, 0xFFFF, 0x10000, v3, 0}});
    iort.component("\\_SB_.DMA0", 0x15, {{0, 0, 0x40, v2, 1}, {0, 0, 0x41, v2, 1}});
    iort.rmr(0x80000000, 0x10000, {{0, 0, 0x42, v2, 1}});
    return iort.finish();
}

inline Bytes sample_viot() {
    TableWriter viot("VIOT", 0);
    viot.u16(5).u16(48).zeros(8);
    const std::uint64_t pci = 48;
    const std::uint64_t mmio = 64;
    viot.u8(3).u8(0).u16(16).u16(0).u16(0x58).zeros(8);
    viot.u8(4).u8(0).u16(16).u32(0).u64(0xA003E00);
    viot.u8(1).u8(0).u16(24).u32(0).u16(0).u16(1).u16(0).u16(0x57).u16(pci).zeros(6);
    viot.u8(1).u8(0).u16(24).u32(0x59).u16(0).u16(0).u16(0x59).u16(0xFFFF).u16(pci).zeros(6);
    viot.u8(2).u8(0).u16(24).u32(0x20000).u64(0xA003C00).u16(mmio).zeros(6);
    return viot.finish();
}

inline Bytes sample_dmar() {
    TableWriter dmar("DMAR", 1);
    dmar.u8(38).u8(1).zeros(10);
    dmar.u16(0).u16(24).u8(0).u8(0).u16(0).u64(0xFED90000);              // graphics alone
    dmar.u8(1).u8(8).u8(0).u8(0).u8(0).u8(0).u8(2).u8(0);                //   00:02.0
    dmar.u16(0).u16(42).u8(1).u8(0).u16(0).u64(0xFED91000);              // everything else
    dmar.u8(3).u8(8).u8(0).u8(0).u8(2).u8(0xF0).u8(31).u8(0);            //   IOAPIC
    dmar.u8(4).u8(8).u8(0).u8(0).u8(0).u8(0).u8(31).u8(0);               //   HPET
    dmar.u8(2).u8(10).u8(0).u8(0).u8(0).u8(0).u8(28).u8(0).u8(0).u8(1);  //   a bridge behind a bridge
    dmar.u16(1).u16(32).u16(0).u16(0).u64(0x7B800000).u64(0x7BFFFFFF);   // RMRR
    dmar.u8(1).u8(8).u8(0).u8(0).u8(0).u8(0).u8(20).u8(0);
    dmar.u16(2).u16(16).u8(0).u8(0).u16(0).u8(2).u8(8).u8(0).u8(0).u8(0).u8(0).u8(1).u8(0);  // ATSR
    dmar.u16(3).u16(20).u32(0).u64(0xFED91000).u32(1);                                       // RHSA
    dmar.u16(4).u16(20).zeros(3).u8(1).text("\\_SB_.I2C0", 12);                              // ANDD
    dmar.u16(5).u16(16).u8(1).u8(0).u16(0).u8(1).u8(8).u8(0).u8(0).u8(0).u8(0).u8(3).u8(0);  // SATC
    return dmar.finish();
}

inline Bytes sample_ivrs() {
    TableWriter ivrs("IVRS", 2);
    ivrs.u32(0x203043).zeros(8);
    const auto unit = [&](std::uint8_t type, const std::vector<std::uint8_t>& entries) {
        const bool is_long = type != 0x10;
        ivrs.u8(type).u8(0xB0).u16((is_long ? 40 : 24) + entries.size()).u16(2).u16(0x40).u64(0xFEB80000);
        ivrs.u16(0).u16(0).u32(0x80048F6F);
        if (is_long) ivrs.u64(0x246577EFA2254AFA).u64(0x10);
        ivrs.raw(entries);
    };
    const std::vector<std::uint8_t> common{
        3,    0x08, 0, 0,    4,    0xFE, 0xFF, 0,                 // 0x0008..0xfffe
        0x43, 0x00, 2, 0,    0,    0xA5, 0,    0, 4, 0xFF, 2, 0,  // 0x0200..0x02ff appear as 0x00a5
        0x48, 0,    0, 0xD7, 0x21, 0xA0, 0,    1,                 // IOAPIC
        0x48, 0,    0, 0,    0,    0xA0, 0,    2,                 // HPET
    };
    unit(0x10, common);
    unit(0x11, common);
    std::vector<std::uint8_t> hid = common;
    const std::vector<std::uint8_t> emmc{0xF0, 0x05, 0x50, 0x40, 'A', 'M', 'D', 'I', '0', '0', '4',
                                         '0',  0,    0,    0,    0,   0,   0,   0,   0,   2,   9,
                                         '\\', '_',  'S',  'B',  '.', 'S', 'D', 'I', '0'};
    hid.insert(hid.end(), emmc.begin(), emmc.end());
    unit(0x40, hid);
    ivrs.u8(0x22).u8(0x0F).u16(32).u16(0x10).u16(0x17).u64(0).u64(0x7B000000).u64(0x100000);
    return ivrs.finish();
}

inline Bytes sample_mcfg() {
    TableWriter mcfg("MCFG", 1);
    mcfg.u64(0).u64(0x4010000000).u16(0).u8(0).u8(255).u32(0).u64(0x5000000000).u16(1).u8(0x10).u8(0x1F).u32(0);
    return mcfg.finish();
}

inline firmware::acpi::Tables read_all(const std::vector<std::pair<std::string, Bytes>>& files) {
    return firmware::acpi::read_tables(files);
}

}  // namespace xlate::tests
