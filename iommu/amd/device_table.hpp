// A device table entry as the hardware understands it, and how it is found.
// Source: docs/spec/iommu-hardware.md section 4.
#pragma once

#include <cstdint>

#include "iommu/amd/layout.hpp"
#include "iommu/amd/parameters.hpp"
#include "iommu/engine.hpp"

namespace xlate::iommu::amd {

class Iommu;

enum class Progress : std::uint8_t { step, done, fault };

struct Dte {
    DteWords words{};
    bool valid() const { return dte::V.test(words[0]); }
    bool translation_valid() const { return dte::TV.test(words[0]); }
    unsigned mode() const { return static_cast<unsigned>(dte::MODE.get(words[0])); }
    std::uint64_t root() const { return words[0] & dte::ROOT.mask(); }
    bool readable() const { return dte::IR.test(words[0]); }
    bool writable() const { return dte::IW.test(words[0]); }
    std::uint16_t domain() const { return static_cast<std::uint16_t>(dte::DOMAIN_ID.get(words[1])); }
    unsigned gcr3_levels() const { return static_cast<unsigned>(dte::GLX.get(words[0])) + 1; }
    unsigned guest_levels() const { return 4 + static_cast<unsigned>(dte::GUEST_LEVELS.get(words[2])); }
};

/// What is wrong with a valid entry.
enum class DteError : std::uint8_t { none, reserved_bit, illegal_level };
DteError check(const Dte& entry, const AmdParams& params);

/// What a walk found wrong, as events say it.
struct WalkFault {
    Event event = Event::io_page_fault;
    bool present = false, permission = false, reserved = false;  ///< PR, PE, RZ
    std::uint64_t address = 0;                                   ///< hardware errors: of what could not be read
};

/// Finds the entry of a device.
class DteWalk {
public:
    void start(std::uint16_t device, bool debug) {
        device_ = device;
        debug_ = debug;
        state_ = State::begin;
    }
    Progress advance(Iommu& iommu, const Reply& reply, Step& step);
    const Dte& entry() const { return entry_; }
    const WalkFault& fault() const { return fault_; }

private:
    enum class State : std::uint8_t { begin, looked_up, read, fetched };
    Progress fail(Event event, bool reserved, std::uint64_t address);

    State state_ = State::begin;
    bool debug_ = false;
    std::uint16_t device_ = 0;
    std::uint32_t epoch_ = 0;
    Dte entry_;
    WalkFault fault_;
};

}  // namespace xlate::iommu::amd
