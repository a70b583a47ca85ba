#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_cmdq.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace cmd = iommu::smmuv3::cmd;

namespace {

constexpr SimTime kSyncTimeout = ms(1000);
/// Looks at an untimed machine's hardware before we believe that it hangs: its clock may stand still.
constexpr std::uint64_t kMaxLooks = 1'000'000;
constexpr unsigned kSpinsBeforeDelay = 10;
constexpr SimTime kCpuRelax = ns(10);
constexpr SimTime kEventWait = ns(100);
constexpr std::uint64_t kMaxDelayUs = 64;
constexpr std::uint64_t kShareable = 3, kWriteBack = 0xF;

}  // namespace

ArmSmmuCmdq::ArmSmmuCmdq(Kernel& kernel, PageAllocator& pages, std::string prefix)
    : kernel_(kernel), pages_(pages), prefix_(std::move(prefix)), lock_(kernel, "arm_smmu_cmdq") {}

int ArmSmmuCmdq::allocate(unsigned max_log2_entries) {
    for (log2_entries_ = max_log2_entries;; --log2_entries_) {
        const std::uint64_t bytes = std::uint64_t{smmu::kCommandBytes} << log2_entries_;
        if (const auto memory = pages_.alloc_zeroed(bytes)) {
            base_ = *memory;
            break;
        }
        if (bytes <= pages_.page_bytes() || log2_entries_ == 0) {
            kernel_.console.err(prefix_, "failed to allocate queue ({:#x} bytes) for cmdq", bytes);
            return -kENOMEM;
        }
    }
    filled_.assign(std::size_t{1} << log2_entries_, false);
    return 0;
}

int ArmSmmuCmdq::init(PhysAddr registers, unsigned max_log2_entries) {
    registers_ = registers;
    prod_ = registers + smmu::reg::CMDQ_PROD;
    cons_ = registers + smmu::reg::CMDQ_CONS;
    if (const int err = allocate(max_log2_entries); err != 0) return err;
    kernel_.console.info(prefix_, "allocated {} entries for cmdq", std::uint64_t{1} << log2_entries_);
    return 0;
}

int ArmSmmuCmdq::init_ecmdq(PhysAddr registers, unsigned max_log2_entries) {
    registers_ = registers;
    prod_ = registers + smmu::reg::ECMDQ_PROD;
    cons_ = registers + smmu::reg::ECMDQ_CONS;
    return allocate(max_log2_entries);
}

// As CR0.CMDQEN: programmed while off, and used when the enable is acknowledged.
int ArmSmmuCmdq::enable_ecmdq() {
    restart();
    prod_flags_ = 0;
    kernel_.machine.mmio_write(registers_ + smmu::reg::ECMDQ_BASE, 8, base_register());
    kernel_.machine.mmio_write(cons_, 4, 0);
    prod_flags_ = static_cast<std::uint32_t>(smmu::ecmdq_prod::EN.mask());
    kernel_.machine.mmio_write(prod_, 4, prod_flags_);
    const SimTime since = kernel_.now();
    for (std::uint64_t looks = 0; !gave_up(since, looks); ++looks) {
        if (smmu::ecmdq_cons::ENACK.test(kernel_.machine.mmio_read(cons_, 4))) return 0;
        kernel_.machine.pass(us(1));
    }
    return -kETIMEDOUT;
}

void ArmSmmuCmdq::disable_ecmdq() {
    prod_flags_ &= ~static_cast<std::uint32_t>(smmu::ecmdq_prod::EN.mask());
    kernel_.machine.mmio_write(prod_, 4, queue_register(published_) | prod_flags_);
}

void ArmSmmuCmdq::restart() {
    reserved_ = published_ = consumed_ = 0;
    std::fill(filled_.begin(), filled_.end(), false);
}

std::uint64_t ArmSmmuCmdq::base_register() const {
    return smmu::queue_base::RA.of(1) | (base_.value & smmu::queue_base::ADDR.mask()) |
           smmu::queue_base::LOG2SIZE.of(log2_entries_);
}

PhysAddr ArmSmmuCmdq::slot(std::uint64_t position) const {
    return base_ + (position & low_mask(log2_entries_)) * smmu::kCommandBytes;
}

std::uint32_t ArmSmmuCmdq::queue_register(std::uint64_t position) const {
    return static_cast<std::uint32_t>(position & low_mask(log2_entries_ + 1));
}

// As Linux writes it: attributes of the completion write are set even where none will happen.
smmu::CommandWords ArmSmmuCmdq::sync_command(std::uint64_t position) const {
    if (msi_polling) return smmu::command::sync_msi(slot(position).value, 0);
    smmu::CommandWords words = smmu::command::sync(cmd::CS_SEV);
    cmd::MSH.set(words, kShareable);
    cmd::MSIATTR.set(words, kWriteBack);
    return words;
}

void ArmSmmuCmdq::update_consumed() {
    const auto cons = static_cast<std::uint32_t>(kernel_.machine.mmio_read(cons_, 4));
    const std::uint64_t ahead = (cons - consumed_) & low_mask(log2_entries_ + 1);
    // Another CPU may have seen a later value meanwhile: then this one lies behind, far ahead modulo the size.
    if (ahead <= published_ - consumed_) consumed_ += ahead;
}

std::optional<std::uint64_t> ArmSmmuCmdq::reserve(std::uint64_t count) {
    const std::uint64_t entries = std::uint64_t{1} << log2_entries_;
    XLATE_CHECK(count <= entries, fmt::format("{} commands, {} slots", count, entries));
    const SimTime since = kernel_.now();
    unsigned spins = 0;
    std::uint64_t delay_us = 1;
    for (std::uint64_t looks = 0;; ++looks) {
        lock_.lock("CMDQ1");
        if (reserved_ + count - consumed_ <= entries) {
            const std::uint64_t first = reserved_;
            reserved_ += count;
            lock_.unlock("CMDQ2");
            return first;
        }
        lock_.unlock("CMDQ2");
        ++stats_.full_waits;
        update_consumed();
        pause(spins, delay_us);
        if (gave_up(since, looks)) {
            kernel_.console.err(prefix_, "CMDQ timeout");
            return std::nullopt;
        }
    }
}

// Commands become visible in order: whoever publishes takes along what others have filled in directly behind.
void ArmSmmuCmdq::publish(std::uint64_t first, std::uint64_t count) {
    const std::uint64_t mask = low_mask(log2_entries_);
    for (std::uint64_t i = 0; i < count; ++i) filled_[(first + i) & mask] = true;
    if (publishing_) return;  // the task at it looks again when its register write is done
    publishing_ = true;
    for (;;) {
        std::uint64_t end = published_;
        while (end < reserved_ && filled_[end & mask]) filled_[end++ & mask] = false;
        if (end == published_) break;
        published_ = end;
        kernel_.machine.mmio_write(prod_, 4, queue_register(end) | prod_flags_);
    }
    publishing_ = false;
}

int ArmSmmuCmdq::issue(const std::vector<smmu::CommandWords>& commands, bool sync) {
    Frame frame{kernel_, "arm_smmu_cmdq_issue_cmdlist"};
    const std::uint64_t count = commands.size() + (sync ? 1 : 0);
    if (count == 0) return 0;
    const auto reserved = reserve(count);
    if (!reserved) return -kETIMEDOUT;
    const std::uint64_t first = *reserved;
    std::vector<std::uint64_t> words;
    words.reserve(count * 2);
    for (const smmu::CommandWords& command : commands) words.insert(words.end(), command.begin(), command.end());
    const std::uint64_t sync_position = first + commands.size();
    if (sync) {
        const smmu::CommandWords command = sync_command(sync_position);
        words.insert(words.end(), command.begin(), command.end());
    }
    // The queue is a ring: what runs over its end begins at its start.
    const std::uint64_t to_end = (std::uint64_t{1} << log2_entries_) - (first & low_mask(log2_entries_));
    const std::uint64_t before_wrap = std::min(count, to_end);
    pages_.write_words(slot(first), words.data(), before_wrap * 2);
    if (count > before_wrap) pages_.write_words(base_, &words[before_wrap * 2], (count - before_wrap) * 2);
    publish(first, count);
    stats_.commands += count;
    if (!sync) return 0;

    ++stats_.syncs;
    kernel_.spend(kernel_.costs.cmd_sync_contention * waiting_for_sync_);
    ++waiting_for_sync_;
    const int err = msi_polling ? poll_until_msi(sync_position) : poll_until_consumed(sync_position + 1);
    --waiting_for_sync_;
    if (err != 0) {
        ++stats_.timeouts;
        report_timeout(sync_position);
    }
    return err;
}

void ArmSmmuCmdq::pause(unsigned& spins, std::uint64_t& delay_us) {
    if (wait_for_event) {
        kernel_.machine.pass(kEventWait);
    } else if (++spins < kSpinsBeforeDelay) {
        kernel_.machine.pass(kCpuRelax);
    } else {
        kernel_.machine.pass(us(delay_us));
        delay_us = std::min(delay_us * 2, kMaxDelayUs);
        spins = 0;
    }
}

bool ArmSmmuCmdq::gave_up(SimTime since, std::uint64_t looks) const {
    return looks >= kMaxLooks || kernel_.now() - since >= kSyncTimeout;
}

int ArmSmmuCmdq::poll_until_consumed(std::uint64_t position) {
    const SimTime since = kernel_.now();
    unsigned spins = 0;
    std::uint64_t delay_us = 1;
    for (std::uint64_t looks = 0;; ++looks) {
        if (consumed_ >= position) return 0;
        if (gave_up(since, looks)) return -kETIMEDOUT;
        if (looks > 0) pause(spins, delay_us);
        update_consumed();
    }
}

// The hardware writes zero over the first word of the SYNC itself; its opcode makes it non-zero before.
int ArmSmmuCmdq::poll_until_msi(std::uint64_t position) {
    const SimTime since = kernel_.now();
    unsigned spins = 0;
    std::uint64_t delay_us = 1;
    for (std::uint64_t looks = 0;; ++looks) {
        if (static_cast<std::uint32_t>(pages_.read_u64(slot(position))) == 0) {
            consumed_ = std::max(consumed_, position + 1);
            return 0;
        }
        if (gave_up(since, looks)) return -kETIMEDOUT;
        pause(spins, delay_us);
    }
}

void ArmSmmuCmdq::report_timeout(std::uint64_t position) {
    const auto prod = static_cast<std::uint32_t>(kernel_.machine.mmio_read(prod_, 4));
    const auto cons = static_cast<std::uint32_t>(kernel_.machine.mmio_read(cons_, 4));
    kernel_.console.err(prefix_, "CMD_SYNC timeout at {:#010x} [hwprod {:#010x}, hwcons {:#010x}]",
                        queue_register(position), prod, cons);
}

int ArmSmmuCmdq::batch_add(CommandBatch& batch, const smmu::CommandWords& command) {
    int err = 0;
    if (batch.commands.size() == kBatchEntries) {
        err = issue(batch.commands, false);
        batch.commands.clear();
    }
    batch.add(command);
    return err;
}

int ArmSmmuCmdq::batch_submit(CommandBatch& batch) {
    const int err = issue(batch.commands, true);
    batch.commands.clear();
    return err;
}

void ArmSmmuCmdq::skip_err() {
    Frame frame{kernel_, "arm_smmu_cmdq_skip_err"};
    const auto cons = static_cast<std::uint32_t>(kernel_.machine.mmio_read(cons_, 4));
    step_over(cons, smmu::cmdq_cons::ERR.get(cons));
}

void ArmSmmuCmdq::skip_ecmdq_err() {
    Frame frame{kernel_, "arm_smmu_ecmdq_skip_err"};
    const auto cons = static_cast<std::uint32_t>(kernel_.machine.mmio_read(cons_, 4));
    const bool err = smmu::ecmdq_cons::ERR.test(cons);
    if (err == smmu::ecmdq_prod::ERRACK.test(prod_flags_)) return;
    step_over(cons, smmu::ecmdq_cons::ERR_REASON.get(cons));
    prod_flags_ = static_cast<std::uint32_t>(smmu::ecmdq_prod::ERRACK.set(prod_flags_, err ? 1 : 0));
    kernel_.machine.mmio_write(prod_, 4, queue_register(published_) | prod_flags_);
}

void ArmSmmuCmdq::step_over(std::uint32_t cons, std::uint64_t reason) {
    static constexpr const char* kReasons[] = {"No error", "Illegal command", "Abort on command fetch",
                                               "ATC invalidate timeout"};
    kernel_.console.err(prefix_, "CMDQ error (cons {:#010x}): {}", cons,
                        reason < std::size(kReasons) ? kReasons[reason] : "Unknown");
    if (reason == smmu::cmdq_cons::CERROR_ABT) {
        kernel_.console.err(prefix_, "retrying command fetch");
        return;
    }
    if (reason != smmu::cmdq_cons::CERROR_ILL) return;
    const PhysAddr bad = slot(cons & low_mask(log2_entries_));
    kernel_.console.err(prefix_, "skipping command in error state:");
    for (unsigned i = 0; i < 2; ++i) {
        kernel_.console.err(prefix_, "\t{:#018x}", pages_.read_u64(bad + 8 * i));
    }
    smmu::CommandWords sync = smmu::command::sync(cmd::CS_SEV);
    cmd::MSH.set(sync, kShareable);
    cmd::MSIATTR.set(sync, kWriteBack);
    pages_.write_words(bad, sync.data(), sync.size());
}

}  // namespace xlate::kernel
