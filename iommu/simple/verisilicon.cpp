#include "iommu/simple/verisilicon.hpp"

#include <fmt/format.h>

#include "iommu/slot_steps.hpp"

namespace xlate::iommu::verisilicon {

namespace {

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0},
                                         {"directory_cache", Structure::walk_cache, 1, 2}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses that missed the ports' TLBs while it is on"},
    {"tlb_misses", "", "look-ups of the TLB without a hit"},
    {"walks", "", "the same: each walks the tables"},
    {"walk_reads", "", "words read of the array, the directory and tables"},
    {"faults", "", "accesses that were refused"},
    {"lost_faults", "", "of those, faults that were not recorded: an earlier one was not cleared"},
    {"flushes", "", "FLUSH written: everything was dropped"},
};
constexpr AccessPurpose kArray{0}, kDirectory{1}, kTable{2};
constexpr PurposeSpec kPurposes[] = {{"table_array", AccessRole::device_config},
                                     {"directory", AccessRole::walk, 1, 2},
                                     {"table", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) {
    switch (static_cast<Fault>(code)) {
        case Fault::none:
            return "NONE";
        case Fault::no_table:
            return "NO_TABLE";
        case Fault::no_page:
            return "NO_PAGE";
        case Fault::write_violation:
            return "WRITE_VIOLATION";
        case Fault::out_of_bound:
            return "OUT_OF_BOUND";
        case Fault::bus_error:
            return "BUS_ERROR";
        case Fault::unsupported:
            return "UNSUPPORTED";
    }
    return fmt::format("FAULT_{}", code);
}
std::string describe(const Invalidation&) { return "FLUSH"; }

Status status_of(Fault fault) {
    switch (fault) {
        case Fault::no_table:
            return Status::no_table;
        case Fault::no_page:
            return Status::no_page;
        case Fault::write_violation:
            return Status::write_violation;
        case Fault::out_of_bound:
            return Status::out_of_bound;
        case Fault::bus_error:
            return Status::bus;
        case Fault::none:
        case Fault::unsupported:
            break;
    }
    return Status::none;
}

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

constexpr std::uint8_t kReads =
    Permissions::kUserRead | Permissions::kUserExecute | Permissions::kPrivilegedRead | Permissions::kPrivilegedExecute;
constexpr std::uint8_t kWrites = Permissions::kUserWrite | Permissions::kPrivilegedWrite;

}  // namespace

const InstanceSpec kSpec{"verisilicon",     "Verisilicon IOMMU", kPageBits,       Ports::one, rows(kWires), {},
                         rows(kStructures), rows(kCounters),     rows(kPurposes), fault_name, nullptr,      describe};

Verisilicon::Verisilicon(const Parameters& parameters)
    : tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "verisilicon.tlb"),
      directory_(parameters.directory, parameters.seed, "verisilicon.directory") {}

void Verisilicon::reset() {
    config1_ = exception_ = control_ = array_base_ = status_ = fault_address_ = 0;
    translates_ = line_ = pulse_ = false;
    drop_all();
}

std::uint64_t Verisilicon::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    if (bank != 0 || size != 4) return 0;
    switch (offset) {
        case reg::CONFIG1:
            return config1_;
        case reg::FAULT_ADDR:
            return fault_address_;
        case reg::STATUS:
            return status_;
        case reg::CONTROL:
            return control_;
        case reg::ARRAY_BASE:
            return array_base_;
        default:
            return 0;
    }
}

void Verisilicon::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    if (bank != 0 || size != 4) return;
    const auto word = static_cast<std::uint32_t>(value);
    switch (offset) {
        case reg::FLUSH:
            if (!flush::ALL.test(word)) return;
            ++counters_.flushes;
            return drop_all();
        case reg::CONFIG1:
            config1_ = word;
            return;
        case reg::EXCEPTION:
            exception_ = word;
            return update_line();
        case reg::STATUS:
            status_ = 0;
            return update_line();
        case reg::CONTROL:
            control_ = word;
            translates_ = kEnable.test(word);
            return drop_all();
        case reg::ARRAY_BASE:
            array_base_ = word;
            root_.reset();
            return;
        default:
            return;
    }
}

void Verisilicon::drop_all() {
    root_.reset();
    ++epoch_;
    Invalidation all;
    all.target = Invalidation::Target::translations;
    tlb_.invalidate(all);
    directory_.invalidate(all);
    tell(all);
}

void Verisilicon::raise(Fault fault, std::uint64_t address) {
    if (status_ != 0) {
        ++counters_.lost_faults;
        return;
    }
    status_ = static_cast<std::uint32_t>(status_of(fault));
    fault_address_ = static_cast<std::uint32_t>(address);
    update_line();
}

void Verisilicon::update_line() {
    const bool level = status_ != 0 && kEnable.test(exception_);
    pulse_ = pulse_ || (level && !line_);
    line_ = level;
}

std::optional<unsigned> Verisilicon::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

std::unique_ptr<TranslationSlot> Verisilicon::make_translation() { return std::make_unique<VerisiliconSlot>(*this); }

std::vector<std::uint64_t> Verisilicon::counter_values() const {
    return {counters_.translations, counters_.tlb_misses,  counters_.tlb_misses, counters_.walk_reads,
            counters_.faults,       counters_.lost_faults, counters_.flushes};
}

CacheCounters Verisilicon::structure_counters(std::size_t row) const {
    return row == 0 ? tlb_.counters() : directory_.counters();
}

bool Verisilicon::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    const auto bits = static_cast<std::uint32_t>(word);
    const bool directory = purpose == kDirectory;
    out.present = dte::VALID.test(bits);
    out.leaf = !directory;
    out.log2_bytes = static_cast<std::uint8_t>(directory ? kDirectoryShift : kPageBits);
    out.target = directory ? dte::table(bits) : pte::page(bits);
    out.target_bytes = directory ? kTableBytes : std::uint64_t{1} << kPageBits;
    out.next = kTable;
    return directory || purpose == kTable;
}

void VerisiliconSlot::start(const Request& request) {
    request_ = request;
    counted_ = false;
    state_ = State::begin;
}

std::optional<std::uint64_t> VerisiliconSlot::walked_space() const {
    const bool walks = state_ >= State::directory_cache && state_ <= State::table && state_ != State::array;
    return walks ? std::optional<std::uint64_t>(0) : std::nullopt;
}

const Step& VerisiliconSlot::step(const Reply& reply) {
    switch (state_) {
        case State::begin:
            return begin();
        case State::tlb: {
            const CachedTranslation* const entry =
                request_.debug ? mmu_.tlb_.peek(0, request_.address) : mmu_.tlb_.lookup(0, request_.address);
            if (entry != nullptr) return mapped(*entry);
            if (!request_.debug) ++mmu_.counters_.tlb_misses;
            return lookup(Structure::walk_cache, State::directory_cache);
        }
        case State::directory_cache: {
            const WalkCacheEntry* const entry = mmu_.directory_.lookup(0, request_.address, kDirectoryShift);
            if (entry != nullptr) return read_table(entry->table);
            if (mmu_.root_) return read_directory(*mmu_.root_);
            return read(mmu_.array_base_, kArray, kArrayWordBytes, State::array);
        }
        case State::array: {
            if (reply.abort) return fault(Fault::bus_error);
            const std::uint64_t root = pta::directory(load_le(reply.data.data(), kArrayWordBytes));
            if (!request_.debug && epoch_ == mmu_.epoch()) mmu_.root_ = root;
            return read_directory(root);
        }
        case State::directory: {
            if (reply.abort) return fault(Fault::bus_error);
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (!dte::VALID.test(word)) return fault(Fault::no_table);
            if (!request_.debug && epoch_ == mmu_.epoch()) {
                WalkCacheEntry entry;
                entry.base = request_.address & ~low_mask(kDirectoryShift);
                entry.table = dte::table(word);
                entry.shift = kDirectoryShift;
                entry.granule = kPageBits;
                entry.level = 2;
                mmu_.directory_.fill(entry);
            }
            return read_table(dte::table(word));
        }
        case State::table: {
            if (reply.abort) return fault(Fault::bus_error);
            const auto word = static_cast<std::uint32_t>(load_le(reply.data.data(), kWordBytes));
            if (!pte::VALID.test(word)) return fault(Fault::no_page);
            CachedTranslation entry;
            entry.va = align_down(request_.address, std::uint64_t{1} << kPageBits);
            entry.pa = pte::page(word);
            entry.log2_bytes = entry.granule = entry.leaf_log2_bytes = kPageBits;
            entry.permissions.bits = pte::WRITABLE.test(word) ? kReads | kWrites : kReads;
            if (!request_.debug && epoch_ == mmu_.epoch()) mmu_.tlb_.fill(entry);
            return mapped(entry);
        }
        case State::finished:
            return step_;
    }
    return step_;
}

const Step& VerisiliconSlot::begin() {
    epoch_ = mmu_.epoch();
    if (request_.ats != AtsType::untranslated || request_.unsupported) return fault(Fault::unsupported);
    if (!kEnable.test(mmu_.control_)) {
        done(request_.address);
        step_.result.entry.bypass = true;
        return step_;
    }
    if (!counted_ && !request_.debug) ++mmu_.counters_.translations;
    counted_ = true;
    if (request_.address >> kInputBits != 0) return fault(Fault::out_of_bound);
    return lookup(Structure::tlb, State::tlb);
}

const Step& VerisiliconSlot::lookup(Structure structure, State next) {
    state_ = next;
    lookup_step(step_, structure, structure == Structure::walk_cache ? 2 : 0);
    return step_;
}

const Step& VerisiliconSlot::read(std::uint64_t address, AccessPurpose purpose, unsigned size, State next) {
    state_ = next;
    if (!request_.debug) ++mmu_.counters_.walk_reads;
    read_step(step_, request_, address, size, purpose);
    return step_;
}

const Step& VerisiliconSlot::read_directory(std::uint64_t root) {
    return read(root + std::uint64_t{directory_index(request_.address)} * kWordBytes, kDirectory, kWordBytes,
                State::directory);
}
const Step& VerisiliconSlot::read_table(std::uint64_t table) {
    return read(table + std::uint64_t{table_index(request_.address)} * kWordBytes, kTable, kWordBytes, State::table);
}

const Step& VerisiliconSlot::mapped(const CachedTranslation& entry) {
    if (request_.write && (entry.permissions.bits & Permissions::kUserWrite) == 0) return fault(Fault::write_violation);
    state_ = State::finished;
    mapped_step(step_, request_, entry, epoch_);
    return step_;
}

const Step& VerisiliconSlot::done(std::uint64_t pa) {
    state_ = State::finished;
    done_step(step_, request_, pa, epoch_);
    return step_;
}

const Step& VerisiliconSlot::fault(Fault fault) {
    state_ = State::finished;
    fault_step(step_, Response::abort, static_cast<std::uint16_t>(fault), epoch_);
    if (request_.debug || request_.prefetch) return step_;
    ++mmu_.counters_.faults;
    step_.result.recorded = fault != Fault::unsupported;
    if (step_.result.recorded) mmu_.raise(fault, request_.address);
    return step_;
}

}  // namespace xlate::iommu::verisilicon
