// A master that is a user's module: passes its accesses on as a DmaMaster's, with a DmaMaster's statistics.
//   before it   an Inlet at the module's socket
//   after it    what a DmaMaster stands before
// One access may wait at the door of what is behind it; the module sees that as a late END_REQ.
#pragma once

#include <vector>

#include "soc/foreign/foreign.hpp"
#include "soc/masters/dma_master.hpp"

namespace xlate::soc {

class ForeignDma final : public DmaMaster, public Target {
public:
    /// `part`: outlives the run.
    ForeignDma(const sc_core::sc_module_name& module_name, const std::string& name, const Context& context,
               const MasterConfig& config, std::uint64_t seed, PayloadMode payload);

    void set_part(ForeignMaster& part) { part_ = &part; }
    void start(std::vector<DmaRegion> regions) override;
    bool idle() const override;

    TargetPort entry;

private:
    bool on_request(unsigned, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;
    void on_accepted(unsigned) override;
    void on_response(unsigned, Transaction& transaction) override;

    ForeignMaster* part_ = nullptr;
    std::vector<DmaRegion> regions_;  ///< that it is about to be started with
    AgendaEntry start_;
};

}  // namespace xlate::soc
