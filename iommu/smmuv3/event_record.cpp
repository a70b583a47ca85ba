#include "iommu/smmuv3/event_record.hpp"

namespace xlate::iommu::smmuv3 {

EventWords encode_event(const Fault& fault, const Request& sent, const Request& effective,
                        std::optional<std::uint16_t> stall_tag) {
    EventWords w{};
    event::TYPE.set(w, static_cast<std::uint64_t>(fault.code));
    event::SID.set(w, value(sent.sid));
    if (sent.ssid && fault.code != EventCode::F_STREAM_DISABLED) {
        event::SSID.set(w, value(*sent.ssid));
        event::SSV.set(w, fault.code == EventCode::C_BAD_SUBSTREAMID ? 0 : 1);
    }
    const Request& seen = fault.code == EventCode::F_UUT ? sent : effective;
    const auto set_access = [&] {
        const bool write = seen.ats == AtsType::translation_request ? !seen.no_write : seen.write;
        event::PnU.set(w, seen.privileged ? 1 : 0);
        event::InD.set(w, seen.instruction && !write ? 1 : 0);
        event::RnW.set(w, write ? 0 : 1);
        event::InputAddr.set(w, sent.address);
    };
    switch (fault.code) {
        case EventCode::F_STE_FETCH:
        case EventCode::F_CD_FETCH:
        case EventCode::F_VMS_FETCH:
            event::FetchAddr.set_address(w, fault.fetch_address);
            break;
        case EventCode::C_BAD_STREAMID:
        case EventCode::C_BAD_STE:
        case EventCode::F_STREAM_DISABLED:
        case EventCode::C_BAD_SUBSTREAMID:
        case EventCode::C_BAD_CD:
        case EventCode::F_CFG_CONFLICT:
            break;
        case EventCode::F_TRANSL_FORBIDDEN:
            event::RnW.set(w, sent.write ? 0 : 1);
            event::InputAddr.set(w, sent.address);
            break;
        case EventCode::F_UUT:
        case EventCode::F_BAD_ATS_TREQ:
        case EventCode::F_TLB_CONFLICT:
        case EventCode::E_PAGE_REQUEST:
            set_access();
            break;
        case EventCode::F_WALK_EABT:
            set_access();
            event::S2.set(w, fault.s2 ? 1 : 0);
            event::CLASS.set(w, fault.cls);
            event::FetchAddr.set_address(w, fault.fetch_address);
            break;
        case EventCode::F_TRANSLATION:
        case EventCode::F_ADDR_SIZE:
        case EventCode::F_ACCESS:
        case EventCode::F_PERMISSION:
            set_access();
            event::S2.set(w, fault.s2 ? 1 : 0);
            event::CLASS.set(w, fault.cls);
            event::TTRnW.set(w, fault.ttrnw ? 1 : 0);
            if (fault.s2) event::IPA.set_address(w, fault.ipa);
            break;
    }
    if (stall_tag) {
        event::STALL.set(w, 1);
        event::STAG.set(w, *stall_tag);
    }
    return w;
}

}  // namespace xlate::iommu::smmuv3
