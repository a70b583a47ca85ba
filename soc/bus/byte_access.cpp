#include "soc/bus/byte_access.hpp"

namespace xlate::soc {

void move_bytes(PhysicalMemory& bytes, tlm::tlm_generic_payload& payload) {
    const PhysAddr address{payload.get_address()};
    const std::size_t size = payload.get_data_length();
    if (payload.is_write()) {
        bytes.write(address, payload.get_data_ptr(), size);
    } else if (payload.is_read()) {
        bytes.read(address, payload.get_data_ptr(), size);
    }
}

unsigned debug_access(PhysicalMemory& bytes, tlm::tlm_generic_payload& payload) {
    if (!bytes.contains(PhysAddr{payload.get_address()}, payload.get_data_length())) return 0;
    move_bytes(bytes, payload);
    return payload.get_data_length();
}

}  // namespace xlate::soc
