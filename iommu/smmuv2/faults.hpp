// Faults: their names, what registers say of them, and accesses that a fault holds.
// Source: docs/spec/iommu-hardware.md section 2; IHI 0062 chapter 6 (faults).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/smmuv2/layout.hpp"

namespace xlate::iommu::smmuv2 {

/// Result::fault. Context faults are the bit of FSR; global ones the bit of sGFSR, from kGlobalFault on.
inline constexpr std::uint16_t kGlobalFault = 0x100;
/// From here on Result::fault is a TF of a bank that breaks a rule: the place in bank_rules() is added.
inline constexpr std::uint16_t kBrokenRule = 0x40;
enum class FaultCode : std::uint16_t {
    none = 0,
    TF = 1,       ///< translation
    AFF = 2,      ///< access flag
    PF = 3,       ///< permission
    EF = 4,       ///< external abort, of a table walk
    TLBMCF = 5,   ///< match conflict in a TLB
    TLBLKF = 6,   ///< TLB lockdown
    ASF = 7,      ///< address size
    UUT = 8,      ///< unsupported upstream transaction
    held = 0x20,  ///< none by itself: an older fault of its context is outstanding (HUPCF 0)
    ICF = kGlobalFault,
    USF,
    SMCF,
    UCBF,
    UCIF,
    CAF,
    global_EF,
    global_PF,
    global_UUT,
};
/// As kernels print them: "TF", "USF"; "none".
const char* name(FaultCode code);

/// A context fault on its way to the registers of a bank.
struct Fault {
    FaultCode code = FaultCode::TF;
    bool s2 = false;
    std::uint8_t level = 0;
    bool walk = false;     ///< EF: of a descriptor read (PTWF)
    bool s1_walk = false;  ///< s2: while stage 1's tables were read (S1PTWF)
    std::uint64_t ipa = 0;
};

/// Accesses that wait: the one that a fault stalled, until RESUME; others of its bank, until the fault is cleared.
class Stalls {
public:
    enum class Answer : std::uint8_t { wait, retry, terminate };

    Stalls() { waiting_.reserve(64); }
    /// Returns a ticket, never 0. `faulting`: RESUME answers it.
    std::uint32_t hold(unsigned bank, std::uint64_t request_id, bool faulting);
    /// Anything but wait forgets the ticket. A ticket that is not known is told to retry.
    Answer take(std::uint32_t ticket);
    void forget(std::uint32_t ticket);
    /// RESUME of `bank`: answers the access that faulted.
    void resume(unsigned bank, Answer answer);
    /// The bank has no outstanding fault any more: its other accesses try again.
    void release(unsigned bank);
    /// Reset: everything is terminated.
    void terminate_all();
    std::optional<std::uint64_t> take_resumed();
    std::size_t held() const { return waiting_.size(); }

private:
    struct Waiting {
        std::uint32_t ticket = 0;
        std::uint64_t request_id = 0;
        std::uint16_t bank = 0;
        bool faulting = false;
        Answer answer = Answer::wait;
        bool told = false;
    };
    std::vector<Waiting> waiting_;  ///< oldest first
    std::uint32_t next_ = 1;
};

}  // namespace xlate::iommu::smmuv2
