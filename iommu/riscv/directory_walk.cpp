// Device and process directories. Steps are those of the specification's "Process to locate the Device-context" and
// "Process to locate the Process-context".
#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"
#include "iommu/riscv/walk.hpp"

namespace xlate::iommu::riscv {

Progress DeviceWalk::fail(Cause cause) {
    cause_ = cause;
    return Progress::fault;
}

Progress DeviceWalk::take_context(Iommu& iommu, const Reply& reply) {
    const std::uint32_t bytes = iommu.params().extended_context() ? kExtendedContextBytes : kBaseContextBytes;
    context_ = {};
    for (unsigned i = 0; i < bytes / 8; ++i) context_.words[i] = iommu.load(reply, 8 * i, 8);
    if (!context_.test(tc::V)) return fail(Cause::ddt_invalid);                                         // 9
    if (misconfigured(context_, iommu.params(), iommu.rules())) return fail(Cause::ddt_misconfigured);  // 10
    if (!requester_.debug && epoch_ == iommu.epoch()) {
        iommu.ddt_cache.fill(stream_tag(StreamId{requester_.did}, std::nullopt), context_);
    }
    return Progress::done;
}

Progress DeviceWalk::advance(Iommu& iommu, const Reply& reply, Step& step) {
    const bool extended = iommu.params().extended_context();
    for (;;) {
        switch (state_) {
            case State::begin: {
                epoch_ = iommu.epoch();
                level_ = static_cast<std::uint8_t>(iommu.registers.ddtp_mode() - ddtp::LVL1);
                for (unsigned level = level_ + 1U; level < 3; ++level) {
                    if (device_index(level, extended).of(requester_.did) != 0) return fail(Cause::type_disallowed);
                }
                if (requester_.did >> kDeviceIdBits != 0) return fail(Cause::type_disallowed);
                table_ = ddtp::PPN.get(iommu.registers.ddtp) << kPageBits;  // 1
                state_ = State::read;
                if (!iommu.ddt_cache.enabled() || requester_.debug) break;
                state_ = State::looked_up;
                step.kind = StepKind::lookup;
                step.lookup = {Structure::config_cache, 1, 0};
                return Progress::step;
            }
            case State::looked_up: {
                const DeviceContext* hit = iommu.ddt_cache.lookup(stream_tag(StreamId{requester_.did}, std::nullopt));
                if (hit != nullptr) {
                    context_ = *hit;
                    return Progress::done;
                }
                ++iommu.counters.config_misses;
                state_ = State::read;
                break;
            }
            case State::read: {  // 3, 8
                const std::uint32_t bytes = level_ != 0 ? kDirectoryEntryBytes
                                            : extended  ? kExtendedContextBytes
                                                        : kBaseContextBytes;
                iommu.count(HpmEvent::ddt_walks, {requester_});
                if (!requester_.debug) ++iommu.counters.config_reads;
                state_ = State::entry;
                step.kind = StepKind::access;
                step.access = {};
                step.access.address = PhysAddr{table_ + device_index(level_, extended).of(requester_.did) * bytes};
                step.access.size = bytes;
                step.access.purpose = level_ != 0 ? Purpose::ddt_entry : Purpose::ddt_context;
                return Progress::step;
            }
            case State::entry: {
                if (iommu.is_poisoned(step.access)) return fail(Cause::ddt_corrupt);
                if (reply.abort) return fail(Cause::ddt_load);
                if (level_ == 0) return take_context(iommu, reply);
                const std::uint64_t entry = iommu.load(reply, 0, 8);
                if (!directory::V.test(entry)) return fail(Cause::ddt_invalid);                  // 5
                if ((entry & directory::kReserved) != 0) return fail(Cause::ddt_misconfigured);  // 6
                table_ = directory::PPN.get(entry) << kPageBits;                                 // 7
                --level_;
                state_ = State::read;
                break;
            }
        }
    }
}

Progress ProcessWalk::fail(Cause cause, std::uint64_t iotval2) {
    fault_ = {WalkFault::Kind::cause, cause, iotval2};
    return Progress::fault;
}

Progress ProcessWalk::take_context(Iommu& iommu, const Requester& requester, const DeviceContext& device,
                                   const Reply& reply) {
    context_.ta = iommu.load(reply, 0, 8, device.big_endian());
    context_.fsc = iommu.load(reply, 8, 8, device.big_endian());
    if (!ta::V.test(context_.ta)) return fail(Cause::pdt_invalid);                                     // 11
    if (misconfigured(context_, device.sxl(), iommu.params())) return fail(Cause::pdt_misconfigured);  // 12
    if (!requester.debug && epoch_ == iommu.epoch()) {
        iommu.pdt_cache.fill(stream_tag(StreamId{requester.did}, SubstreamId{pid_}), context_);
    }
    return Progress::done;
}

Progress ProcessWalk::advance(Iommu& iommu, const Requester& requester, const DeviceContext& device, const Reply& reply,
                              Step& step) {
    for (;;) {
        switch (state_) {
            case State::begin:
                epoch_ = iommu.epoch();
                level_ = static_cast<std::uint8_t>(device.pdt_levels() - 1);
                table_ = device.address(dc::FSC);  // 1
                state_ = State::locate;
                if (!iommu.pdt_cache.enabled() || requester.debug) break;
                state_ = State::looked_up;
                step.kind = StepKind::lookup;
                step.lookup = {Structure::config_cache, 1, 1};
                return Progress::step;
            case State::looked_up: {
                const ProcessContext* hit =
                    iommu.pdt_cache.lookup(stream_tag(StreamId{requester.did}, SubstreamId{pid_}));
                if (hit != nullptr) {
                    context_ = *hit;
                    return Progress::done;
                }
                ++iommu.counters.config_misses;
                state_ = State::locate;
                break;
            }
            case State::locate: {  // 2
                const std::uint32_t bytes = level_ != 0 ? kDirectoryEntryBytes : kProcessContextBytes;
                entry_gpa_ = table_ + process_index(level_).of(pid_) * bytes;
                AccessKinds kinds;
                kinds.read = true;
                second_.start(entry_gpa_, SecondStage::Use::directory, kinds);
                state_ = State::locating;
                break;
            }
            case State::locating:
                switch (second_.advance(iommu, requester, device, reply, step)) {
                    case Progress::step:
                        return Progress::step;
                    case Progress::fault:
                        if (second_.fault().kind == WalkFault::Kind::guest_page) {
                            fault_ = {WalkFault::Kind::guest_page, Cause::internal,
                                      (entry_gpa_ & ~std::uint64_t{3}) | 1};
                            return Progress::fault;
                        }
                        return fail(second_.fault().kind == WalkFault::Kind::access ? Cause::pdt_load
                                                                                    : Cause::pdt_corrupt);
                    case Progress::done:
                        break;
                }
                entry_address_ = second_.output().address;
                state_ = State::read;
                break;
            case State::read:  // 4, 9
                iommu.count(HpmEvent::pdt_walks, {requester});
                if (!requester.debug) ++iommu.counters.config_reads;
                state_ = State::entry;
                step.kind = StepKind::access;
                step.access = {};
                step.access.address = PhysAddr{entry_address_};
                step.access.size = level_ != 0 ? kDirectoryEntryBytes : kProcessContextBytes;
                step.access.purpose = level_ != 0 ? Purpose::pdt_entry : Purpose::pdt_context;
                return Progress::step;
            case State::entry: {
                if (iommu.is_poisoned(step.access)) return fail(Cause::pdt_corrupt);
                if (reply.abort) return fail(Cause::pdt_load);
                if (level_ == 0) return take_context(iommu, requester, device, reply);
                const std::uint64_t entry = iommu.load(reply, 0, 8, device.big_endian());
                if (!directory::V.test(entry)) return fail(Cause::pdt_invalid);                  // 6
                if ((entry & directory::kReserved) != 0) return fail(Cause::pdt_misconfigured);  // 7
                table_ = directory::PPN.get(entry) << kPageBits;                                 // 8
                --level_;
                state_ = State::locate;
                break;
            }
        }
    }
}

}  // namespace xlate::iommu::riscv
