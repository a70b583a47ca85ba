#include "iommu/amd/commands.hpp"

#include <fmt/format.h>

#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"
#include "iommu/amd/space.hpp"

namespace xlate::iommu::amd {

namespace {

std::uint8_t code_of(const EntryWords& words) { return static_cast<std::uint8_t>(cmd::OPCODE.get(words[0])); }
Opcode opcode_of(const EntryWords& words) { return static_cast<Opcode>(code_of(words)); }
constexpr std::uint16_t code(Opcode opcode) { return static_cast<std::uint16_t>(opcode); }
std::uint16_t device_of(const EntryWords& words) { return static_cast<std::uint16_t>(cmd::DEVICE.get(words[0])); }

/// PASID of commands that name an endpoint, in three pieces.
std::uint32_t endpoint_pasid(const EntryWords& words) {
    return static_cast<std::uint32_t>(cmd::PASID_7_0.get(words[0]) | cmd::PASID_15_8.get(words[0]) << 8 |
                                      cmd::PASID_19_16.get(words[0]) << 16);
}

struct KnownBits {
    std::uint64_t first = 0, second = 0;
};
KnownBits known_bits(Opcode opcode) {
    const std::uint64_t op = cmd::OPCODE.mask();
    const std::uint64_t endpoint = op | cmd::DEVICE.mask() | cmd::PASID_15_8.mask() | cmd::QDEP.mask() |
                                   cmd::QUEUE.mask() | cmd::PASID_7_0.mask() | cmd::PASID_19_16.mask();
    const std::uint64_t pages = cmd::S.mask() | cmd::GN.mask() | cmd::ADDRESS.mask();
    switch (opcode) {
        case Opcode::completion_wait:
            return {op | cmd::STORE.mask() | cmd::INT.mask() | cmd::FLUSH.mask() | cmd::STORE_ADDRESS.mask(),
                    ~std::uint64_t{0}};
        case Opcode::invalidate_devtab_entry:
        case Opcode::invalidate_interrupt_table:
            return {op | cmd::DEVICE.mask(), 0};
        case Opcode::invalidate_iommu_pages:
            return {op | cmd::PASID.mask() | cmd::DOMAIN_ID.mask(), pages | cmd::PDE.mask()};
        case Opcode::invalidate_iotlb_pages:
            return {endpoint, pages};
        case Opcode::prefetch_iommu_pages:
            return {endpoint, pages | cmd::PREFETCH_INVAL.mask()};
        case Opcode::complete_ppr_request:
            return {op | cmd::DEVICE.mask() | cmd::PPR_PASID.mask(),
                    cmd::PPR_GN.mask() | cmd::PPR_TAG.mask() | cmd::PPR_STATUS.mask()};
        case Opcode::invalidate_iommu_all:
            return {op, 0};
    }
    return {};
}

void set_range(Invalidation& invalidation, std::uint64_t word) {
    const PageRange range = page_range(word);
    invalidation.by_address = !range.all();
    invalidation.first = range.first;
    invalidation.last = range.last;
}

}  // namespace

std::string command_name(std::uint16_t code) {
    switch (static_cast<Opcode>(code)) {
        case Opcode::completion_wait:
            return "COMPLETION_WAIT";
        case Opcode::invalidate_devtab_entry:
            return "INVALIDATE_DEVTAB_ENTRY";
        case Opcode::invalidate_iommu_pages:
            return "INVALIDATE_IOMMU_PAGES";
        case Opcode::invalidate_iotlb_pages:
            return "INVALIDATE_IOTLB_PAGES";
        case Opcode::invalidate_interrupt_table:
            return "INVALIDATE_INTERRUPT_TABLE";
        case Opcode::prefetch_iommu_pages:
            return "PREFETCH_IOMMU_PAGES";
        case Opcode::complete_ppr_request:
            return "COMPLETE_PPR_REQUEST";
        case Opcode::invalidate_iommu_all:
            return "INVALIDATE_IOMMU_ALL";
    }
    return fmt::format("command {:#x}", code);
}

std::string describe(const Invalidation& invalidation) {
    // Code 0: not one that was given, but the one that would have done.
    const Opcode would_do =
        invalidation.is_endpoint() ? Opcode::invalidate_iotlb_pages : Opcode::invalidate_iommu_pages;
    std::string text = command_name(invalidation.code != 0 ? invalidation.code : code(would_do));
    if (invalidation.stream_mask != 0) text += fmt::format(" device {:#x}", value(stream_of(invalidation.stream)));
    if (space_tag::DOMAIN_ID.test(invalidation.space_mask)) {
        text += fmt::format(" domain {}", space_tag::DOMAIN_ID.get(invalidation.space));
    }
    if (space_tag::PASID.test(invalidation.space_mask) && space_tag::GN.test(invalidation.space)) {
        text += fmt::format(" PASID {}", space_tag::PASID.get(invalidation.space));
    }
    if (invalidation.by_address) text += fmt::format(" {:#x}..{:#x}", invalidation.first, invalidation.last);
    return text;
}

bool illegal_command(const EntryWords& words, const AmdParams& params) {
    const Opcode opcode = opcode_of(words);
    if (opcode < Opcode::completion_wait || opcode > Opcode::invalidate_iommu_all) return true;
    const KnownBits known = known_bits(opcode);
    if ((words[0] & ~known.first) != 0 || (words[1] & ~known.second) != 0) return true;
    switch (opcode) {
        case Opcode::prefetch_iommu_pages:
            return !params.has(feat::PREF);
        case Opcode::complete_ppr_request:
            return !params.has(feat::PPR);
        case Opcode::invalidate_iommu_all:
            return !params.has(feat::IA);
        default:
            return false;
    }
}

std::optional<Invalidation> decode_invalidation(const EntryWords& words) {
    using Target = Invalidation::Target;
    Invalidation invalidation;
    invalidation.code = code_of(words);
    switch (opcode_of(words)) {
        case Opcode::invalidate_devtab_entry:
        case Opcode::invalidate_interrupt_table:
            invalidation.target = Target::configuration;
            invalidation.stream = stream_tag(StreamId{device_of(words)}, std::nullopt);
            invalidation.stream_mask = low_mask(32);
            return invalidation;
        case Opcode::invalidate_iommu_pages: {
            invalidation.target = Target::translations;
            const auto domain = static_cast<std::uint16_t>(cmd::DOMAIN_ID.get(words[0]));
            const bool guest = cmd::GN.test(words[1]);
            invalidation.space = space_tag::host(domain);
            invalidation.space_mask = space_tag::DOMAIN_ID.mask() | space_tag::GN.mask();
            if (guest) {
                invalidation.space =
                    space_tag::guest(domain, static_cast<std::uint32_t>(cmd::PASID.get(words[0])), false);
                invalidation.space_mask |= space_tag::PASID.mask();
            }
            invalidation.global_mask = invalidation.space_mask;
            invalidation.leaf = !cmd::PDE.test(words[1]);
            set_range(invalidation, words[1]);
            return invalidation;
        }
        case Opcode::invalidate_iotlb_pages: {
            invalidation.target = Target::endpoint;
            const bool guest = cmd::GN.test(words[1]);
            invalidation.stream = stream_tag(StreamId{device_of(words)},
                                             guest ? std::optional(SubstreamId{endpoint_pasid(words)}) : std::nullopt);
            invalidation.stream_mask = low_mask(53);
            set_range(invalidation, words[1]);
            // Endpoints compare addresses.
            invalidation.by_address = true;
            return invalidation;
        }
        case Opcode::invalidate_iommu_all:
            return invalidation;
        default:
            return std::nullopt;
    }
}

bool Commands::runnable(const Iommu& iommu) {
    const Registers& registers = iommu.registers;
    return registers.on(control::EN) && registers.on(control::CMDBUF) && !registers.commands.stopped &&
           !registers.commands.empty();
}

bool Commands::pending(const Iommu& iommu) const { return busy() || runnable(iommu); }

std::uint64_t Commands::address(const Iommu& iommu) const {
    return iommu.registers.commands.address(iommu.registers.commands.head);
}

/// The head stays at what was wrong.
void Commands::stop(Iommu& iommu, Event event) {
    iommu.logs.report({event::CODE.of(static_cast<std::uint64_t>(event)), address(iommu)}, iommu.registers);
    iommu.registers.commands.stopped = true;
    state_ = State::idle;
}

/// With the command in hand. False: it was an error.
bool Commands::begin(Iommu& iommu, Step& step) {
    if (illegal_command(words_, iommu.params())) {
        stop(iommu, Event::illegal_command);
        return false;
    }
    step.opcode = code_of(words_);
    if (opcode_of(words_) == Opcode::completion_wait) {
        state_ = State::sync;
        step.kind = StepKind::sync;
        return true;
    }
    execute(iommu);
    state_ = State::complete;
    step.kind = StepKind::executed;
    return true;
}

void Commands::execute(Iommu& iommu) {
    ++executed[code_of(words_)];
    if (const auto invalidation = decode_invalidation(words_)) {
        if (invalidation->is_endpoint()) last_endpoint_ = device_of(words_);
        iommu.invalidate(*invalidation);
        return;
    }
    if (opcode_of(words_) == Opcode::prefetch_iommu_pages) {
        Prefetch prefetch;
        prefetch.sid = StreamId{device_of(words_)};
        if (cmd::GN.test(words_[1])) prefetch.ssid = SubstreamId{endpoint_pasid(words_)};
        prefetch.address = words_[1] & cmd::ADDRESS.mask();
        iommu.prefetch(prefetch);
        return;
    }
    PageResponse response;
    response.sid = StreamId{device_of(words_)};
    if (cmd::PPR_GN.test(words_[1])) {
        response.ssid = SubstreamId{static_cast<std::uint32_t>(cmd::PPR_PASID.get(words_[0]))};
    }
    response.prg_index = static_cast<std::uint16_t>(cmd::PPR_TAG.get(words_[1]));
    response.code = static_cast<std::uint8_t>(cmd::PPR_STATUS.get(words_[1]));
    iommu.logs.respond(response);
}

void Commands::complete(Iommu& iommu) {
    Ring& ring = iommu.registers.commands;
    ring.head = ring.next(ring.head);
    state_ = State::idle;
}

void Commands::end_wait(Iommu& iommu) {
    ++executed[code_of(words_)];
    complete(iommu);
    if (cmd::INT.test(words_[0])) iommu.logs.raise(status::COMWAIT, iommu.registers);
}

void Commands::step(Iommu& iommu, const Reply& reply, Step& step) {
    switch (state_) {
        case State::idle:
            break;
        case State::fetch:
            if (reply.abort) {
                stop(iommu, Event::command_hw_error);
                break;
            }
            words_ = {load_le(reply.data.data(), 8), load_le(reply.data.data() + 8, 8)};
            if (!begin(iommu, step)) break;
            return;
        case State::complete:
            complete(iommu);
            break;
        case State::sync:
            // An endpoint did not answer its invalidation in time: said, and the wait goes on without it.
            if (reply.abort) {
                iommu.logs.report({event::CODE.of(static_cast<std::uint64_t>(Event::iotlb_inv_timeout)) |
                                       event::DEVICE.of(last_endpoint_),
                                   address(iommu)},
                                  iommu.registers);
            }
            if (!cmd::STORE.test(words_[0])) {
                end_wait(iommu);
                break;
            }
            state_ = State::store;
            step.kind = StepKind::access;
            step.access = {};
            step.access.address = PhysAddr{words_[0] & cmd::STORE_ADDRESS.mask()};
            step.access.size = 8;
            step.access.kind = AccessKind::write;
            step.access.purpose = Purpose::wait;
            store_le(step.access.data.data(), 8, words_[1]);
            return;
        case State::store:  // a posted write: that it found no memory, the IOMMU does not hear
            end_wait(iommu);
            break;
    }
    if (!runnable(iommu)) {
        step.kind = StepKind::idle;
        return;
    }
    state_ = State::fetch;
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{address(iommu)};
    step.access.size = kEntryBytes;
    step.access.purpose = Purpose::command;
}

}  // namespace xlate::iommu::amd
