#include "iommu/tegra/slot.hpp"

#include <algorithm>

#include "iommu/slot_steps.hpp"
#include "iommu/tegra/layout_socs.hpp"

namespace xlate::iommu::tegra {

namespace {

constexpr std::uint8_t kReads =
    Permissions::kUserRead | Permissions::kPrivilegedRead | Permissions::kUserExecute | Permissions::kPrivilegedExecute;
constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;

}  // namespace

void Slot::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> Slot::walked_space() const {
    const bool walks = state_ == State::ptc || state_ == State::read;
    return walks ? std::optional<std::uint64_t>(asid_) : std::nullopt;
}

const Step& Slot::step(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::tlb: {
            const CachedTranslation* const entry =
                request_.debug ? smmu_.tlb_.peek(asid_, request_.address) : smmu_.tlb_.lookup(asid_, request_.address);
            if (entry != nullptr) {
                const std::uint64_t rights = word::READABLE.of((entry->permissions.bits & kReads) != 0 ? 1 : 0) |
                                             word::WRITABLE.of((entry->permissions.bits & kWrites) != 0 ? 1 : 0) |
                                             word::NONSECURE.of(1);
                return translated(*entry, static_cast<std::uint32_t>(rights));
            }
            if (!request_.debug) ++smmu_.counters_.tlb_misses;
            const std::uint32_t directory = smmu_.directories_[asid_];
            rights_ = directory;
            if (!word::usable(directory)) return fault(Fault::no_directory_word, request_.address);
            if (!request_.debug) ++smmu_.counters_.walks;
            return want(word::address(directory, smmu_.soc().address_bits) +
                            std::uint64_t{directory_index(request_.address)} * kWordBytes,
                        Purpose::directory);
        }
        case State::ptc: {
            const Ptc::Atom* const atom = smmu_.ptc_.lookup(address_, request_.debug);
            return atom != nullptr ? take(atom->data() + address_ % smmu_.soc().atom_bytes) : read();
        }
        case State::read: {
            if (reply.abort) return fault(Fault::decode_error, address_);
            if (step_.access.size == kWordBytes) return take(reply.data.data());
            if (epoch_ == smmu_.epoch() && !request_.debug) smmu_.ptc_.fill(address_, reply.data);
            return take(reply.data.data() + address_ % smmu_.soc().atom_bytes);
        }
        case State::finished:
            return step_;
    }
    return step_;
}

/// The client's enable and the swgroup's decide; without either the access passes.
const Step& Slot::begin() {
    epoch_ = smmu_.epoch();
    if (!config::ENABLE.test(smmu_.get(reg::SMMU_CONFIG))) return pass();
    client_ = smmu_.client_of(value(request_.sid), request_.write);
    const Swgroup* const group = find_swgroup(smmu_.soc(), value(request_.sid));
    const std::uint32_t assigned = group != nullptr ? smmu_.get(group->reg) : 0;
    asid_ = static_cast<std::uint32_t>(swgroup::ASID.get(assigned));
    const bool translates = client_ != nullptr && smmu_.client_enabled(*client_) && swgroup::ENABLE.test(assigned);
    if (!counted_ && !request_.debug) ++(translates ? smmu_.counters_.translations : smmu_.counters_.passed);
    counted_ = true;
    if (!translates) return pass();
    if (request_.address >> kInputBits != 0) return fault(Fault::out_of_range, request_.address);
    if (asid_ >= smmu_.directories_.size()) return fault(Fault::no_directory_word, request_.address);
    return lookup(Structure::tlb, State::tlb);
}

const Step& Slot::lookup(Structure structure, State next) {
    state_ = next;
    lookup_step(step_, structure, structure == Structure::walk_cache ? 2 : 0);
    return step_;
}

const Step& Slot::want(std::uint64_t address, AccessPurpose purpose) {
    address_ = address;
    purpose_ = purpose;
    return smmu_.ptc_enabled() ? lookup(Structure::walk_cache, State::ptc) : read();
}

/// The PTC reads an atom; without it, a word.
const Step& Slot::read() {
    const unsigned bytes = smmu_.ptc_enabled() ? smmu_.soc().atom_bytes : kWordBytes;
    state_ = State::read;
    read_step(step_, request_, align_down(address_, bytes), bytes, purpose_);
    if (!request_.debug) ++smmu_.counters_.walk_reads;
    return step_;
}

const Step& Slot::take(const std::uint8_t* bytes) {
    const auto bits = static_cast<std::uint32_t>(load_le(bytes, kWordBytes));
    return purpose_ == Purpose::directory ? directory_word(bits) : leaf(bits, kPageBits);
}

const Step& Slot::directory_word(std::uint32_t word) {
    if (!word::usable(word)) return fault(Fault::no_directory_word, request_.address);
    if (!word::NEXT.test(word)) return leaf(word, kSectionBits);
    rights_ &= word | ~word::kAll;
    return want(
        word::address(word, smmu_.soc().address_bits) + std::uint64_t{table_index(request_.address)} * kWordBytes,
        Purpose::table);
}

const Step& Slot::leaf(std::uint32_t word, unsigned log2_bytes) {
    if (!word::usable(word)) {
        return fault(log2_bytes == kPageBits ? Fault::no_table_word : Fault::no_directory_word, request_.address);
    }
    const std::uint32_t rights = rights_ & word & word::kAll;
    CachedTranslation entry;
    entry.va = keep(request_.address, 31, log2_bytes);
    entry.pa = word::address(word, smmu_.soc().address_bits) & ~low_mask(log2_bytes);
    entry.space = asid_;
    entry.log2_bytes = static_cast<std::uint8_t>(log2_bytes);
    entry.level = log2_bytes == kPageBits ? 3 : 2;
    entry.permissions.bits = static_cast<std::uint8_t>((word::READABLE.test(rights) ? kReads : 0) |
                                                       (word::WRITABLE.test(rights) ? kWrites : 0));
    const bool allowed = entry.permissions.allows(request_);
    if (allowed && !request_.debug && epoch_ == smmu_.epoch()) smmu_.tlb_.fill(entry);
    return translated(entry, rights);
}

const Step& Slot::translated(const CachedTranslation& entry, std::uint32_t rights) {
    if (!entry.permissions.allows(request_)) {
        return fault(request_.write ? Fault::write_denied : Fault::read_denied, request_.address, rights);
    }
    state_ = State::finished;
    mapped_step(step_, request_, entry, epoch_);
    return step_;
}

const Step& Slot::pass() {
    state_ = State::finished;
    done_step(step_, request_, request_.address, epoch_);
    step_.result.entry.bypass = true;
    return step_;
}

const Step& Slot::fault(Fault fault, std::uint64_t address, std::uint32_t rights) {
    state_ = State::finished;
    fault_step(step_, Response::read_zero_write_ignored, static_cast<std::uint16_t>(fault), epoch_);
    if (request_.debug || request_.prefetch) return step_;
    ++smmu_.counters_.faults;
    step_.result.recorded = smmu_.get(reg::INTSTATUS) == 0;
    smmu_.raise(fault, client_, address, request_.write, rights);
    return step_;
}

}  // namespace xlate::iommu::tegra
