// A RISC-V IOMMU with tables built by hand from the layout: one directory page, first- and second-stage tables.
#pragma once

#include <cstdint>

#include "tests/iommu/riscv_bench.hpp"

namespace xlate::iommu::riscv {

namespace pte = riscv_table::pte;

inline constexpr std::uint64_t kLeaf =
    pte::V.of(1) | pte::R.of(1) | pte::W.of(1) | pte::X.of(1) | pte::U.of(1) | pte::A.of(1) | pte::D.of(1);

struct World : Bench {
    static constexpr std::uint64_t kDdt = 0x100000;

    explicit World(const RiscvParams& params) : Bench(params) {
        queues_on();
        write(reg::DDTP, ddtp::MODE.of(ddtp::LVL1) | ddtp::PPN.of(kDdt >> 12));
    }

    std::uint64_t new_page(std::uint64_t count = 1) {
        next_ = align_up(next_, count * 4096);
        const std::uint64_t at = next_;
        next_ += count * 4096;
        return at;
    }
    std::uint64_t dc_address(std::uint32_t did) const {
        const bool extended = unit.params().extended_context();
        return kDdt + std::uint64_t{did} * (extended ? kExtendedContextBytes : kBaseContextBytes);
    }
    void set_dc(std::uint32_t did, std::uint64_t tc_word, std::uint64_t iohgatp, std::uint64_t ta_word,
                std::uint64_t fsc) {
        memory.store(dc_address(did) + 8, iohgatp);
        memory.store(dc_address(did) + 16, ta_word);
        memory.store(dc_address(did) + 24, fsc);
        memory.store(dc_address(did), tc_word);
    }
    /// Maps one page of 4 KiB << 9 * above; root of 4 KiB, or 16 KiB (`nested`).
    void map(std::uint64_t root, Mode mode, bool nested, std::uint64_t input, std::uint64_t output,
             std::uint64_t bits = kLeaf, unsigned above = 0) {
        std::uint64_t table = root;
        for (unsigned level = riscv_table::levels(mode) - 1;; --level) {
            const bool top = level + 1 == riscv_table::levels(mode);
            const unsigned width = riscv_table::index_bits(mode) + (nested && top ? 2 : 0);
            const std::uint64_t at = table + ((input >> riscv_table::shift(mode, level)) & low_mask(width)) * 8;
            if (level == above) {
                memory.store(at, bits | pte::PPN.of(output >> 12));
                return;
            }
            std::uint64_t word = memory.load(at);
            if (word == 0) {
                word = pte::V.of(1) | pte::PPN.of(new_page() >> 12);
                memory.store(at, word);
            }
            table = riscv_table::table_address(word, mode);
        }
    }
    Request request(std::uint32_t did, std::uint64_t address, bool is_write = false) const {
        Request made;
        made.sid = StreamId{did};
        made.address = address;
        made.write = is_write;
        return made;
    }
    /// Where it lands; the cause, negative, if it does not.
    std::int64_t access(std::uint32_t did, std::uint64_t address, bool is_write = false) {
        const Step step = translate(request(did, address, is_write));
        return step.kind == StepKind::done ? static_cast<std::int64_t>(step.result.pa.value)
                                           : -std::int64_t{step.result.fault};
    }
    void fence() { command(0x3002, 0); }

private:
    std::uint64_t next_ = 0x200000;
};

constexpr std::uint64_t atp_of(std::uint64_t mode, std::uint64_t root, std::uint64_t gscid = 0) {
    return atp::MODE.of(mode) | atp::GSCID.of(gscid) | atp::PPN.of(root >> 12);
}

}  // namespace xlate::iommu::riscv
