#include "soc/modules/attributes.hpp"

#include <memory>

namespace xlate::soc {

tlm::tlm_extension_base* DmaAttributes::clone() const {
    return std::make_unique<DmaAttributes>(*this).release();  // TLM owns what clone() returns
}

void DmaAttributes::copy_from(const tlm::tlm_extension_base& other) {
    *this = static_cast<const DmaAttributes&>(other);
}

}  // namespace xlate::soc
