#include "iommu/smmuv2/faults.hpp"

#include <algorithm>

namespace xlate::iommu::smmuv2 {

const char* name(FaultCode code) {
    switch (code) {
        case FaultCode::none:
            return "none";
        case FaultCode::TF:
            return "TF";
        case FaultCode::AFF:
            return "AFF";
        case FaultCode::PF:
        case FaultCode::global_PF:
            return "PF";
        case FaultCode::EF:
        case FaultCode::global_EF:
            return "EF";
        case FaultCode::TLBMCF:
            return "TLBMCF";
        case FaultCode::TLBLKF:
            return "TLBLKF";
        case FaultCode::ASF:
            return "ASF";
        case FaultCode::UUT:
        case FaultCode::global_UUT:
            return "UUT";
        case FaultCode::held:
            return "HUPCF";
        case FaultCode::ICF:
            return "ICF";
        case FaultCode::USF:
            return "USF";
        case FaultCode::SMCF:
            return "SMCF";
        case FaultCode::UCBF:
            return "UCBF";
        case FaultCode::UCIF:
            return "UCIF";
        case FaultCode::CAF:
            return "CAF";
    }
    return "?";
}

std::uint32_t Stalls::hold(unsigned bank, std::uint64_t request_id, bool faulting) {
    const std::uint32_t ticket = next_++;
    if (next_ == 0) next_ = 1;
    waiting_.push_back({ticket, request_id, static_cast<std::uint16_t>(bank), faulting, Answer::wait, false});
    return ticket;
}

Stalls::Answer Stalls::take(std::uint32_t ticket) {
    const auto at =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.ticket == ticket; });
    if (at == waiting_.end()) return Answer::retry;
    const Answer answer = at->answer;
    if (answer != Answer::wait) waiting_.erase(at);
    return answer;
}

void Stalls::forget(std::uint32_t ticket) {
    waiting_.erase(
        std::remove_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.ticket == ticket; }),
        waiting_.end());
}

void Stalls::resume(unsigned bank, Answer answer) {
    for (Waiting& w : waiting_) {
        if (w.bank == bank && w.faulting && w.answer == Answer::wait) w.answer = answer;
    }
}

void Stalls::release(unsigned bank) {
    for (Waiting& w : waiting_) {
        if (w.bank == bank && !w.faulting && w.answer == Answer::wait) w.answer = Answer::retry;
    }
}

void Stalls::terminate_all() {
    for (Waiting& w : waiting_) {
        if (w.answer == Answer::wait) w.answer = Answer::terminate;
    }
}

std::optional<std::uint64_t> Stalls::take_resumed() {
    for (Waiting& w : waiting_) {
        if (w.answer == Answer::wait || w.told) continue;
        w.told = true;
        return w.request_id;
    }
    return std::nullopt;
}

}  // namespace xlate::iommu::smmuv2
