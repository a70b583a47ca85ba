// An SMMUv2 with a plain memory behind it, programmed as a driver would: the bench that the SMMUv2 tests share.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/memory_port.hpp"
#include "iommu/smmuv2/runner.hpp"

namespace xlate::tests::v2 {

using namespace iommu;          // NOLINT(google-build-using-namespace)
using namespace iommu::smmuv2;  // NOLINT(google-build-using-namespace)

/// Small: 16 groups, 8 banks, 4 KiB pages.
inline Features small_features() {
    Features f = full_features();
    f.numsmrg = 16;
    f.numcb = 8;
    f.numpagendxb = 3;
    return f;
}

struct Bench {
    static constexpr std::uint64_t kRoot = 0x80000000, kTables = 0x80100000;
    static constexpr StreamId kSid{0x10};

    SparseMemory memory;
    Smmu smmu;
    Translation translation;
    std::vector<MemoryAccess> accesses;
    std::vector<unsigned> wires;
    std::uint64_t next_table = kTables;

    static SmmuParams params(const Features& features) {
        SmmuParams p;
        p.features = features;
        p.context_interrupts = features.numcb;
        return p;
    }
    explicit Bench(const Features& features = small_features()) : Bench(params(features)) {}
    explicit Bench(const SmmuParams& p) : smmu(p), space(p.features.space()) {}

    SpaceLayout space;

    std::uint64_t read(std::uint64_t offset, unsigned size = 4) const { return smmu.read_register(offset, size); }
    void write(std::uint64_t offset, std::uint64_t value, unsigned size = 4) {
        smmu.write_register(offset, size, value);
        settle();
    }
    void settle() {
        iommu::smmuv2::settle(smmu, memory);
        while (const auto wire = smmu.take_wire()) wires.push_back(*wire);
    }
    std::uint64_t gr1(std::uint32_t offset) const { return space.gr1() + offset; }
    std::uint64_t bank(unsigned n, std::uint32_t offset) const { return std::uint64_t{space.bank(n)} + offset; }
    std::uint64_t read_bank(unsigned n, std::uint32_t offset, unsigned size = 4) const {
        return read(bank(n, offset), size);
    }
    void write_bank(unsigned n, std::uint32_t offset, std::uint64_t value, unsigned size = 4) {
        write(bank(n, offset), value, size);
    }
    /// sCR0 as Linux leaves it (0x1C36), with `set` more.
    void enable(std::uint32_t set = 0) { write(gr0::sCR0, 0x1C36 | set); }
    /// Group `n`: ids under a mask, S2CR.
    void stream(unsigned n, std::uint32_t id, std::uint32_t mask, std::uint32_t s2cr) {
        write(gr0::S2CR(n), s2cr);
        write(gr0::SMR(n), 0x80000000U | mask << 16 | id);
    }
    /// Bank `n`, stage 1, VMSAv8-64, 48 bits, 4K, as section 17 has it; ASID 0x12. `sctlr`: in place of 0x1067.
    void stage1(unsigned n, std::uint64_t root = kRoot, std::uint32_t sctlr = 0x1067, std::uint16_t asid = 0x12) {
        write(gr1(gr1::CBA2R(n)), 1);
        write(gr1(gr1::CBAR(n)), 0x0001F300);
        write_bank(n, cb::TCR2, 0x00038015);
        write_bank(n, cb::TCR, 0x00803510);
        write_bank(n, cb::TTBR0, std::uint64_t{asid} << 48 | root, 8);
        write_bank(n, cb::TTBR1, std::uint64_t{asid} << 48, 8);
        write_bank(n, cb::MAIR0, 0xFF440C04);
        write_bank(n, cb::MAIR1, 0);
        write_bank(n, cb::SCTLR, sctlr);
    }
    /// Bank `n`, stage 2, VMSAv8-64, 40 bits from level 1, VMID 7.
    void stage2(unsigned n, std::uint64_t root, std::uint32_t sctlr = 0x67, std::uint8_t vmid = 7) {
        write(gr1(gr1::CBA2R(n)), 1);
        write(gr1(gr1::CBAR(n)), vmid);
        write_bank(n, cb::TCR, 0x80023558);
        write_bank(n, cb::TTBR0, root, 8);
        write_bank(n, cb::SCTLR, sctlr);
    }
    /// Puts `descriptor` at `level` for `va` into 4K tables with their root at `root_level`; returns where it stands.
    std::uint64_t map(std::uint64_t root, std::uint64_t va, std::uint64_t descriptor, unsigned level = 3,
                      unsigned root_level = 0) {
        std::uint64_t table = root;
        for (unsigned at = root_level;; ++at) {
            const unsigned shift = 12 + 9 * (3 - at);
            // Stage 2 may begin with up to 16 tables in a row.
            const std::uint64_t mask = at == root_level && root_level != 0 ? 0x1FFF : 0x1FF;
            const std::uint64_t where = table + 8 * ((va >> shift) & mask);
            if (at == level) {
                memory.store(where, descriptor);
                return where;
            }
            if ((memory.load(where) & 3) != 3) {
                memory.store(where, next_table | 3);
                next_table += 0x1000;
            }
            table = memory.load(where) & 0x0000FFFFFFFFF000ULL;
        }
    }
    /// Translates, and remembers every access that was made.
    const Step& step(const Request& request) { return step(translation, request); }
    const Step& step(Translation& slot, const Request& request) {
        slot.start(smmu, request);
        return go_on(slot);
    }
    const Step& go_on(Translation& slot) {
        accesses.clear();
        const Step& result = run([&](const Reply& reply) -> const Step& { return slot.step(smmu, reply); }, memory,
                                 [&](const MemoryAccess& access) { accesses.push_back(access); });
        settle();
        return result;
    }
    static Request read_of(std::uint64_t address, StreamId sid = kSid) {
        Request request;
        request.sid = sid;
        request.address = address;
        return request;
    }
    static Request write_of(std::uint64_t address, StreamId sid = kSid) {
        Request request = read_of(address, sid);
        request.write = true;
        return request;
    }
    std::uint32_t fsr(unsigned n) const { return static_cast<std::uint32_t>(read_bank(n, cb::FSR)); }
};

/// A page that EL0 may read and write: AF, ISH, nG, attribute 1.
inline constexpr std::uint64_t kPage = 0x0060000000000F47;
/// A stage 2 page, readable and writable, AF, ISH, write-back.
inline constexpr std::uint64_t kPage2 = 0x00000000000007FF;

}  // namespace xlate::tests::v2
