// Where two ports of ours meet. As a rule they call each other directly; with SocConfig::check_protocol a protocol
// checker (soc/modules/protocol_checker.hpp) stands in each joint, and all calls are those of TLM's base protocol.
// That changes no time: who is checked does what he does unchecked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "soc/bus/ports.hpp"
#include "soc/measure/stats.hpp"

namespace xlate::soc {

class Joints {
public:
    explicit Joints(bool checked);
    ~Joints();
    Joints(const Joints&) = delete;
    Joints& operator=(const Joints&) = delete;

    void join(InitiatorPort& from, TargetPort& to);
    /// What the checkers saw; nothing if there are none.
    std::optional<ProtocolStats> stats() const;

private:
    struct Checkers;
    std::unique_ptr<Checkers> checkers_;  ///< nullptr: none
};

}  // namespace xlate::soc
