#include "iommu/smmuv3/pmcg.hpp"

#include <string>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

constexpr std::uint32_t kEvcntr = 0x000, kEvtyper = 0x400, kSvr = 0x600, kSmr = 0xA00, kCntenset = 0xC00,
                        kCntenclr = 0xC20, kIntenset = 0xC40, kIntenclr = 0xC60, kOvsclr = 0xC80, kOvsset = 0xCC0,
                        kCapr = 0xD88, kCfgr = 0xE00, kCr = 0xE04, kIrqCtrl = 0xE50, kIrqCtrlAck = 0xE54,
                        kIrqCfg0 = 0xE58, kIrqCfg1 = 0xE60, kIrqCfg2 = 0xE64, kIrqStatus = 0xE68;
constexpr Field kEvent{0, 16}, kSpan{29, 1}, kOvfcap{31, 1};

}  // namespace

Pmcg::Pmcg(const PmcgParams& params) : params_(params), counters_(params.counters) {
    XLATE_CHECK(params.counters >= 1 && params.counters <= 64 && params.counter_bits >= 32 && params.counter_bits <= 64,
                std::to_string(params.counters) + " counters of " + std::to_string(params.counter_bits) + " bits");
}

bool Pmcg::passes(const Counter& counter, StreamId sid) const {
    const Counter& filter = params_.shared_filter ? counters_[0] : counter;
    if (!kSpan.test(filter.type)) return filter.sid_filter == value(sid);
    // Trailing ones under a zero: that many bits, and the zero's, do not matter. All ones: any SID.
    if (filter.sid_filter == 0xFFFFFFFF) return true;
    unsigned ignored = 1;
    while ((filter.sid_filter >> (ignored - 1) & 1) != 0) ++ignored;
    return ignored >= 32 || (filter.sid_filter >> ignored) == (value(sid) >> ignored);
}

void Pmcg::add(PmcgEvent event, StreamId sid, std::uint64_t n) {
    const std::uint64_t mask = low_mask(params_.counter_bits);
    bool capture_all = false;
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        Counter& counter = counters_[i];
        if ((enabled_ >> i & 1) == 0 || kEvent.get(counter.type) != static_cast<std::uint64_t>(event)) continue;
        if (event != PmcgEvent::cycles && !passes(counter, sid)) continue;
        const std::uint64_t before = counter.value;
        counter.value = (before + n) & mask;
        if (counter.value >= before) continue;
        overflow_ |= std::uint64_t{1} << i;
        capture_all = capture_all || kOvfcap.test(counter.type);
        if ((interrupt_enabled_ >> i & 1) != 0 && irq_control_ != 0) {
            pulse_ = true;
            message_ = message_ || irq_address_ != 0;
        }
    }
    if (capture_all && params_.capture) capture();
}

void Pmcg::capture() {
    for (Counter& counter : counters_) counter.captured = counter.value;
}

void Pmcg::refresh() {
    wanted_ = 0;
    if (control_ == 0) return;
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        const std::uint64_t event = kEvent.get(counters_[i].type);
        if ((enabled_ >> i & 1) != 0 && event < kPmcgEvents) wanted_ |= 1U << event;
    }
}

bool Pmcg::take_interrupt() {
    const bool due = pulse_;
    pulse_ = false;
    return due;
}

std::optional<Pmcg::Message> Pmcg::take_message() {
    if (!message_) return std::nullopt;
    message_ = false;
    return Message{irq_address_, irq_data_};
}

bool Pmcg::is_relocated(std::uint32_t offset) const {
    const bool movable = offset < kEvtyper || (offset >= kSvr && offset < kSmr) || offset == kOvsclr ||
                         offset == kOvsclr + 4 || offset == kOvsset || offset == kOvsset + 4 || offset == kCapr;
    return params_.relocated && movable;
}

/// EVCNTR and SVR: which counter. Counters of 32 bits stand 4 bytes apart, others 8.
std::optional<std::uint32_t> Pmcg::counter_index(std::uint32_t offset, unsigned size) const {
    const std::uint32_t stride = params_.counter_bits == 32 ? 4 : 8;
    const std::uint32_t index = (offset < kSvr ? offset - kEvcntr : offset - kSvr) / stride;
    if (index >= counters_.size() || size > stride) return std::nullopt;
    return index;
}

std::uint64_t Pmcg::read_register(unsigned page, std::uint32_t offset, unsigned size) const {
    if ((size != 4 && size != 8) || offset % size != 0 || offset >= 0x1000) return 0;
    if (is_relocated(offset) != (page == 1)) return 0;
    if (offset < kEvtyper || (offset >= kSvr && offset < kSmr)) {
        const auto index = counter_index(offset, size);
        if (!index || (offset >= kSvr && !params_.capture)) return 0;
        const std::uint64_t word = offset >= kSvr ? counters_[*index].captured : counters_[*index].value;
        return size == 8 ? word : (word >> (params_.counter_bits == 32 ? 0 : 8 * (offset % 8))) & low_mask(32);
    }
    if (offset < kCntenset) {
        const bool filter = offset >= kSmr;
        const std::uint32_t index = (offset - (filter ? kSmr : kEvtyper)) / 4;
        if (size != 4 || index >= counters_.size()) return 0;
        return filter ? counters_[index].sid_filter : counters_[index].type;
    }
    const RegSpec* row = find_register(kPmcgRegisters, offset);
    if (row == nullptr || size > row->size) return 0;
    const std::uint64_t whole = read_whole(*row);
    return size == row->size ? whole : (whole >> (offset == row->offset ? 0 : 32)) & low_mask(32);
}

void Pmcg::write_register(unsigned page, std::uint32_t offset, unsigned size, std::uint64_t value) {
    if ((size != 4 && size != 8) || offset % size != 0 || offset >= 0x1000) return;
    if (is_relocated(offset) != (page == 1)) return;
    if (size == 4) value &= low_mask(32);
    if (offset < kEvtyper || (offset >= kSvr && offset < kSmr)) {
        const auto index = counter_index(offset, size);
        if (!index || offset >= kSvr) return;
        const Field part{params_.counter_bits == 32 ? 0U : 8 * (offset % 8), 8 * size};
        counters_[*index].value = part.set(counters_[*index].value, value) & low_mask(params_.counter_bits);
        return;
    }
    if (offset < kCntenset) {
        const bool filter = offset >= kSmr;
        const std::uint32_t index = (offset - (filter ? kSmr : kEvtyper)) / 4;
        if (size != 4 || index >= counters_.size()) return;
        auto& word = filter ? counters_[index].sid_filter : counters_[index].type;
        word = static_cast<std::uint32_t>(filter ? value : value & (kEvent.mask() | kSpan.mask() | kOvfcap.mask()));
        refresh();
        return;
    }
    const RegSpec* row = find_register(kPmcgRegisters, offset);
    if (row == nullptr || size > row->size || row->access == Access::ro) return;
    // Set and clear registers take each half by itself: zeros do nothing.
    const Field half{offset == row->offset ? 0U : 32U, 32};
    if (size < row->size && row->offset == kIrqCfg0) {
        write_whole(*row, half.set(irq_address_, value));
    } else {
        write_whole(*row, size < row->size ? half.of(value) : value);
    }
    refresh();
}

std::uint64_t Pmcg::read_whole(const RegSpec& row) const {
    switch (row.offset) {
        case kCntenset:
        case kCntenclr:
            return enabled_;
        case kIntenset:
        case kIntenclr:
            return interrupt_enabled_;
        case kOvsclr:
        case kOvsset:
            return overflow_;
        case kCfgr:
            return Field{0, 6}.of(params_.counters - 1U) | Field{8, 6}.of(params_.counter_bits - 1U) |
                   Field{20, 1}.of(params_.relocated ? 1 : 0) | Field{21, 1}.of(params_.msi ? 1 : 0) |
                   Field{22, 1}.of(params_.capture ? 1 : 0) | Field{23, 1}.of(params_.shared_filter ? 1 : 0);
        case kCr:
            return control_;
        case kIrqCtrl:
        case kIrqCtrlAck:
            return irq_control_;
        case kIrqCfg0:
            return irq_address_;
        case kIrqCfg1:
            return irq_data_;
        case kIrqCfg2:
            return irq_attributes_;
        case kIrqStatus:
            return irq_status_;
        default:
            return row.reset;
    }
}

void Pmcg::write_whole(const RegSpec& row, std::uint64_t value) {
    const std::uint64_t bits = value & low_mask(params_.counters);
    const auto word = static_cast<std::uint32_t>(value);
    const bool irq_off = irq_control_ == 0 && params_.msi;
    switch (row.offset) {
        case kCntenset:
            enabled_ |= bits;
            return;
        case kCntenclr:
            enabled_ &= ~bits;
            return;
        case kIntenset:
            interrupt_enabled_ |= bits;
            return;
        case kIntenclr:
            interrupt_enabled_ &= ~bits;
            return;
        case kOvsset:
            overflow_ |= bits;
            return;
        case kOvsclr:
            overflow_ &= ~bits;
            return;
        case kCapr:
            if ((word & 1) != 0 && params_.capture) capture();
            return;
        case kCr:
            control_ = word & 1;
            return;
        case kIrqCtrl:
            irq_control_ = word & 1;
            return;
        case kIrqCfg0:
            if (irq_off) irq_address_ = keep(value, 51, 2);
            return;
        case kIrqCfg1:
            if (irq_off) irq_data_ = word;
            return;
        case kIrqCfg2:
            if (irq_off) irq_attributes_ = word & 0x3F;
            return;
        case kIrqStatus:
            irq_status_ = word & 1;
            return;
        default:
            return;
    }
}

}  // namespace xlate::iommu::smmuv3
