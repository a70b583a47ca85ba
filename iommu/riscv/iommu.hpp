// One RISC-V IOMMU: registers, directories, queues, interrupts and the caches behind them.
//   registers     ddtp, cqcsr, fqcsr and pqcsr are busy until settle(); the others act with the write
//   machines      `commands`: the command queue; `outputs`: fault records, page requests, interrupts as messages;
//                 `tr_req`: the translation that software asks for by register
//   wires         vector v drives line v, level-sensitive, with fctl.WSI
// Not modelled: the clock behind iohpmcycles (stored), QoS ids (stored), custom command and entry formats. A write
// without its data is no message for an MRIF: it goes to the notice page. Source: docs/spec/iommu-hardware.md section
// 9; RISC-V IOMMU specification 1.0.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/directory_cache.hpp"
#include "iommu/instance.hpp"
#include "iommu/line_walks.hpp"
#include "iommu/riscv/commands.hpp"
#include "iommu/riscv/hpm.hpp"
#include "iommu/riscv/outputs.hpp"
#include "iommu/riscv/parameters.hpp"
#include "iommu/riscv/registers.hpp"
#include "iommu/riscv/translation.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tlb.hpp"
#include "iommu/walk_cache.hpp"

namespace xlate::iommu::riscv {

const InstanceSpec& sheet();
/// Of a fault record's CAUSE.
std::string fault_name(std::uint16_t code);

/// conservation: translations = done + faults.
struct RiscvCounters {
    std::uint64_t translations = 0;
    std::uint64_t faults = 0;
    std::uint64_t config_reads = 0;
    std::uint64_t config_misses = 0;
    std::uint64_t tlb_misses = 0;
    std::uint64_t walks = 0;
    std::uint64_t walk_reads = 0;
    std::uint64_t updates = 0;
    std::uint64_t msis = 0;
    std::uint64_t ats_requests = 0;
    std::uint64_t ats_translated = 0;
};

class Iommu final : public Instance, public PageRequests, public Endpoints, public TableWords, public LineWalks {
public:
    explicit Iommu(const RiscvParams& params);

    const InstanceSpec& spec() const override { return sheet(); }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    bool settling() const override;
    void settle() override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    unsigned machines() const override { return 3; }
    bool machine_pending(unsigned index) const override;
    const Step& step_machine(unsigned index, const Reply& reply) override;
    unsigned wires() const override { return params_.wires; }
    WireSpec wire(unsigned index) const override { return {"", index}; }
    std::optional<unsigned> take_wire() override;
    std::optional<std::uint64_t> take_resumed() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;
    PageRequests* page_requests() override { return params_.has(caps::ATS) ? this : nullptr; }
    bool partition(const std::shared_ptr<const CachePartitions>& partitions) override;
    Endpoints* endpoints() override { return params_.has(caps::ATS) ? this : nullptr; }

    // LineWalks.
    unsigned log2_answered() const override { return kPageBits + (params_.reads_lines ? kLinePagesLog2 : 0); }
    Span<CachedTranslation> beside(const TranslationSlot& slot) const override {
        return static_cast<const Translation&>(slot).beside();
    }

    /// Queued or answered by `outputs`, which has to find the device's context first: never answered at once.
    bool page_request(const PageRequest& request) override;
    std::optional<PageResponse> take_page_response() override { return outputs.take_page_response(); }
    /// EN_ATS is looked at for each.
    bool checks_translated() const override { return true; }

    // TableWords. The context of a claim is a PSCID.
    unsigned word_bytes() const override { return 8; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override {
        return decode_in(0, purpose, word, out);
    }
    bool decode_in(std::uint64_t space, AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::uint64_t space_of(std::uint32_t context) const override;
    std::optional<std::uint64_t> space_of_stream(StreamId stream) const override;
    bool needs_drain() const override { return true; }

    const RiscvParams& params() const { return params_; }
    ContextRules rules() const { return {registers.big_endian(), registers.gxl()}; }
    /// Reads of these 64 bytes meet a data corruption (RAS): for tests of what is reported then.
    void poison(PhysAddr block) { poisoned_.push_back(block.value & ~std::uint64_t{63}); }

    // For the walks.
    std::uint64_t load(const Reply& reply, unsigned offset, unsigned size) const {
        return load(reply, offset, size, registers.big_endian());
    }
    std::uint64_t load(const Reply& reply, unsigned offset, unsigned size, bool big_endian) const {
        const std::uint8_t* bytes = reply.data.data() + offset;
        return big_endian ? load_be(bytes, size) : load_le(bytes, size);
    }
    /// The words of a line that reads_line() said to read.
    LineWords load_line(const Reply& reply, bool big_endian) const {
        LineWords words{};
        for (unsigned i = 0; i < words.size(); ++i) words[i] = load(reply, 8 * i, 8, big_endian);
        return words;
    }
    bool reads_line(Mode mode, unsigned above) const {
        return params_.reads_lines && above == 0 && riscv_table::word_bytes(mode) == 8;
    }
    bool is_poisoned(const MemoryAccess& access) const;
    /// A table word with V clear, W without R, or reserved bits.
    bool unusable(std::uint64_t word, Mode mode) const;
    /// One that points to a table and has what only leaves may have.
    bool unusable_table(std::uint64_t word) const;
    /// The access that sets A and D.
    void update_word(Step& step, std::uint64_t address, std::uint32_t bytes, std::uint64_t before, std::uint64_t after,
                     bool big_endian) const;
    void count(HpmEvent event, const HpmSubject& subject);

    /// Applies an invalidation to all caches and sinks.
    void invalidate(const Invalidation& invalidation);

    // The parts, for translations, statistics and tests.
    Registers registers;
    DirectoryCache<DeviceContext> ddt_cache;
    DirectoryCache<ProcessContext> pdt_cache;
    Tlb tlb;
    Tlb gpa_cache;
    std::vector<WalkCache> walk_s1, walk_s2;  ///< by level: kWalkCaches - levels above the leaves
    Outputs outputs;
    mutable RiscvCounters counters;

private:
    friend class Commands;
    void write_aligned(std::uint32_t offset, std::uint64_t value);
    void write_fctl(std::uint64_t value);
    void write_ddtp(std::uint64_t value);
    void write_csr(Queue& queue, std::uint32_t value, std::uint32_t clearable);
    void write_ipsr(std::uint64_t value);
    void apply_ddtp();
    bool queue_settles(const Queue& queue) const;
    void update_wires();
    std::uint32_t wire_levels() const;
    void end_request(const Step& step);

    RiscvParams params_;
    Commands commands_;
    Translation request_;  ///< tr_req
    bool request_running_ = false;
    std::uint32_t levels_ = 0;  ///< of the wires
    std::uint32_t pulses_ = 0;
    std::vector<std::uint64_t> poisoned_;
    Step command_step_, output_step_;
};

}  // namespace xlate::iommu::riscv
