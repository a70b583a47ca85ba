// Fault reasons, as fault records code them.
// Source: docs/spec/iommu-hardware.md sections 3.4, 3.5; VT-d specification 4.1, section 7.1.3.
#pragma once

#include <cstdint>

namespace xlate::iommu::vtd {

enum class Reason : std::uint8_t {
    none = 0,
    // Legacy mode.
    root_not_present = 0x01,
    context_not_present = 0x02,
    context_invalid = 0x03,
    address_beyond_width = 0x04,
    no_write = 0x05,
    no_read = 0x06,
    entry_access = 0x07,
    root_access = 0x08,
    context_access = 0x09,
    root_reserved = 0x0A,
    context_reserved = 0x0B,
    entry_reserved = 0x0C,
    request_blocked = 0x0D,
    interrupt_address = 0x0E,
    // Interrupts.
    ir_request_reserved = 0x20,
    ir_index = 0x21,
    ir_not_present = 0x22,
    ir_access = 0x23,
    ir_reserved = 0x24,
    ir_compatibility = 0x25,
    ir_source = 0x26,
    // Scalable mode.
    sm_table_address = 0x30,
    sm_pasid_in_legacy = 0x31,
    sm_page_group_in_legacy = 0x32,
    sm_root_access = 0x38,
    sm_root_not_present = 0x39,
    sm_root_reserved = 0x3A,
    sm_context_access = 0x40,
    sm_context_not_present = 0x41,
    sm_context_reserved = 0x42,
    sm_context_invalid = 0x43,
    sm_no_device_tlb = 0x44,
    sm_no_pasid = 0x45,
    sm_pasid_too_large = 0x46,
    sm_no_page_requests = 0x47,
    sm_rid_pasid_too_large = 0x48,
    sm_directory_access = 0x50,
    sm_directory_not_present = 0x51,
    sm_directory_reserved = 0x52,
    sm_pasid_access = 0x58,
    sm_pasid_not_present = 0x59,
    sm_pasid_reserved = 0x5A,
    sm_pasid_invalid = 0x5B,
    sm_no_execute_requests = 0x5C,
    sm_no_supervisor = 0x5D,
    sm_first_access = 0x70,
    sm_first_not_present = 0x71,
    sm_first_reserved = 0x72,
    sm_first_root = 0x73,
    sm_nested_beyond_width = 0x74,
    sm_nested_root = 0x75,
    sm_nested_entry = 0x76,
    sm_nested_update = 0x77,
    sm_second_access = 0x78,
    sm_second_not_present = 0x79,
    sm_second_reserved = 0x7A,
    sm_second_root = 0x7B,
    sm_second_update = 0x7C,
    sm_not_canonical = 0x80,
    sm_supervisor_page = 0x81,
    sm_no_execute = 0x82,
    sm_beyond_width = 0x83,
    sm_second_beyond_width = 0x84,
    sm_no_write = 0x85,
    sm_no_read = 0x86,
    sm_interrupt_address = 0x87,
    sm_first_update = 0x90,
};

/// FPD of the entries that were read silences it. The others say that an entry cannot be read or is not what it should
/// be, its FPD bit included.
constexpr bool is_qualified(Reason reason) {
    switch (reason) {
        case Reason::root_not_present:
        case Reason::root_access:
        case Reason::context_access:
        case Reason::root_reserved:
        case Reason::context_reserved:
        case Reason::ir_request_reserved:
        case Reason::ir_index:
        case Reason::ir_access:
        case Reason::ir_compatibility:
        case Reason::sm_table_address:
        case Reason::sm_pasid_in_legacy:
        case Reason::sm_page_group_in_legacy:
        case Reason::sm_root_access:
        case Reason::sm_root_not_present:
        case Reason::sm_root_reserved:
        case Reason::sm_context_access:
        case Reason::sm_context_reserved:
        case Reason::sm_directory_access:
        case Reason::sm_directory_reserved:
        case Reason::sm_pasid_access:
        case Reason::sm_pasid_reserved:
            return false;
        default:
            return true;
    }
}

}  // namespace xlate::iommu::vtd
