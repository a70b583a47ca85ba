#include "iommu/intel/page_requests.hpp"

#include "iommu/intel/vtd.hpp"

namespace xlate::iommu::vtd {

namespace {

// PCIe's codes.
constexpr std::uint8_t kSuccess = 0, kInvalidRequest = 1, kResponseFailure = 15;

std::uint64_t queue_bytes(const Vtd& unit) { return std::uint64_t{4096} << iqa::QS.get(unit.registers.get(reg::PQA)); }

}  // namespace

std::optional<PageResponse> PageRequestQueue::take_response() {
    if (responses_.empty()) return std::nullopt;
    const PageResponse response = responses_.front();
    responses_.pop_front();
    return response;
}

void PageRequestQueue::clear() {
    state_ = State::idle;
    requests_.clear();
    responses_.clear();
    located_ = false;
}

void PageRequestQueue::refuse(Vtd& unit, Reason reason, std::uint8_t code) {
    const PageRequest& request = requests_.front();
    const bool silent = located_ && walk_.context().silent() && is_qualified(reason);
    if (reason != Reason::none && !silent) {
        FaultRecord record;
        record.low = frcd::page(request.address);
        record.high = frcd::SID.of(value(request.sid)) | frcd::FR.of(static_cast<std::uint64_t>(reason)) |
                      frcd::T1.of(request.read ? 1 : 0);
        if (request.ssid) record.high |= frcd::PP.of(1) | frcd::PV.of(value(*request.ssid));
        unit.outputs.report(record, unit.registers);
    }
    if (request.last) responses_.push_back({request.sid, request.ssid, request.prg_index, code});
    requests_.pop_front();
    located_ = false;
}

/// With a request at the front. True: `step` is to be given to the owner.
bool PageRequestQueue::begin(Vtd& unit, Step& step) {
    const PageRequest& request = requests_.front();
    if (!located_) {
        if (!gcmd::TE.test(unit.status())) {
            refuse(unit, Reason::none, kResponseFailure);
            return false;
        }
        if (!unit.scalable()) {
            refuse(unit, Reason::sm_page_group_in_legacy, kInvalidRequest);
            return false;
        }
        walk_.start(static_cast<std::uint16_t>(value(request.sid)), false);
        state_ = State::locate;
        return false;
    }
    if (!scalable_context::PRE.test(walk_.context().words[0])) {
        refuse(unit, Reason::sm_no_page_requests, kInvalidRequest);
        return false;
    }
    // 7.4.1: while an overflow is not cleared, requests are dropped; the endpoint tries again.
    const std::uint64_t status = unit.registers.get(reg::PRS);
    const std::uint64_t tail = unit.registers.get(reg::PQT);
    const std::uint64_t next = (tail + kPageRequestBytes) % queue_bytes(unit);
    if (prs::PRO.test(status) || next == unit.registers.get(reg::PQH)) {
        unit.registers.set(reg::PRS, status | prs::PRO.mask());
        if (status == 0) unit.outputs.signal(Event::page, unit.registers);
        refuse(unit, Reason::none, kSuccess);
        return false;
    }
    namespace record = page_record;
    const std::uint64_t words[4] = {
        record::TYPE_FIELD.of(record::TYPE) | record::PASID_PRESENT.of(request.ssid ? 1 : 0) |
            record::RID.of(value(request.sid)) | record::PASID.of(request.ssid ? value(*request.ssid) : 0) |
            record::EXECUTE.of(request.execute ? 1 : 0) | record::PRIVILEGED.of(request.privileged ? 1 : 0),
        record::READ.of(request.read ? 1 : 0) | record::WRITE.of(request.write ? 1 : 0) |
            record::LAST.of(request.last ? 1 : 0) | record::GROUP.of(request.prg_index) | frcd::page(request.address),
        0, 0};
    state_ = State::write;
    step.kind = StepKind::access;
    step.access = {};
    step.access.address = PhysAddr{iqa::address(unit.registers.get(reg::PQA)) + tail};
    step.access.size = kPageRequestBytes;
    step.access.kind = AccessKind::write;
    step.access.purpose = Purpose::page_request;
    for (unsigned i = 0; i < 4; ++i) store_le(&step.access.data[8 * i], 8, words[i]);
    return true;
}

void PageRequestQueue::step(Vtd& unit, const Reply& reply, Step& step) {
    for (;;) {
        switch (state_) {
            case State::locate:
                switch (walk_.advance(unit, reply, step)) {
                    case Progress::step:
                        return;
                    case Progress::fault:
                        state_ = State::idle;
                        refuse(unit, walk_.reason(), kInvalidRequest);
                        continue;
                    case Progress::done:
                        state_ = State::idle;
                        located_ = true;
                        break;
                }
                break;
            case State::write: {
                state_ = State::idle;
                located_ = false;
                requests_.pop_front();
                ++unit.counters.page_requests;
                const std::uint64_t tail = unit.registers.get(reg::PQT);
                unit.registers.set(reg::PQT, (tail + kPageRequestBytes) % queue_bytes(unit));
                const std::uint64_t status = unit.registers.get(reg::PRS);
                unit.registers.set(reg::PRS, status | prs::PPR.mask());
                if (status == 0) unit.outputs.signal(Event::page, unit.registers);
                break;
            }
            case State::idle:
                break;
        }
        if (requests_.empty()) break;
        if (begin(unit, step)) return;
    }
    step.kind = StepKind::idle;
}

}  // namespace xlate::iommu::vtd
