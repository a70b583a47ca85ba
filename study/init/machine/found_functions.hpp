// PCI functions as an operating system lists them, one by one, and the tree that they form.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "study/init/starter_function.hpp"

namespace xlate::study {

/// Where a function sits: domain, bus, device and function in one number, which orders them.
struct PciPlace {
    std::uint64_t number = 0;

    unsigned domain() const { return static_cast<unsigned>(number >> 16); }
    unsigned bus() const { return static_cast<unsigned>(number >> 8 & 0xff); }
    unsigned device() const { return static_cast<unsigned>(number >> 3 & 0x1f); }
    unsigned function() const { return static_cast<unsigned>(number & 7); }
    /// Firmware knows segments of 16 bits. Linux makes domains beyond them for what it finds itself: behind Intel's
    /// VMD.
    bool in_firmware() const { return number >> 32 == 0; }
    bool operator<(const PciPlace& other) const { return number < other.number; }
};

/// `digits` hexadecimal ones of `text` at `at`; nothing: these are others.
std::optional<std::uint32_t> hex_at(std::string_view text, std::size_t at, std::size_t digits);

/// "0000:00:01.0", "10000:e1:00.0" (domains of 4 to 8 digits), or "00:01.0" of domain 0, at the start of `text`;
/// `size`: of what it takes.
std::optional<PciPlace> pci_place_of(std::string_view text, std::size_t& size);

struct FoundFunction {
    bool bridge = false;
    std::string id;  ///< "8086:15f3"; empty: not said
    std::uint32_t class_code = 0;
    std::string kind;  ///< as a config spells it; empty: not said
    std::string driver;
    std::optional<bool> acs;  ///< nothing: not said
    bool ats = false, pri = false, pasid = false;
    bool isolated = false;                 ///< without ACS, as Linux knows (drivers/pci/quirks.c)
    std::optional<unsigned> group;         ///< that Linux gave it; nothing: not said
    unsigned first_bus = 0, last_bus = 0;  ///< behind a bridge; 0: not said
};

class FoundFunctions {
public:
    /// One that is told again is the same.
    void add(const PciPlace& place, FoundFunction function) {
        (place.in_firmware() ? all_ : beyond_).emplace(place, std::move(function));
    }
    /// The one that was added, or nullptr.
    FoundFunction* find(const PciPlace& place);
    /// What is behind a bridge; buses that no hardware gives it are passed by.
    static void set_buses(const PciPlace& place, FoundFunction& bridge, unsigned first, unsigned last);

    /// Takes from the groups who is isolated from whom: ports by what is behind them, functions by their slot. Only
    /// where the kernel had asked for ACS before it scanned PCI, as it does for ACPI's IOMMUs.
    void infer_acs();

    /// Functions of all root buses, by domain, bus, device and function. Kinds of bridges that are not said are taken
    /// from what is behind each. `notes`: of that, of functions without a way to them or of a domain that no firmware
    /// has, and of ACS that is not said.
    /// Errors: InputError (limit) that names `file`, for more than a config can hold.
    std::vector<StarterFunction> tree(const std::string& file, std::vector<std::string>& notes);

private:
    void connect();
    bool is_root(const PciPlace& place) const;
    std::vector<std::pair<PciPlace, const FoundFunction*>> behind_bridge(const PciPlace& bridge,
                                                                         const FoundFunction& of) const;
    std::string kind_of(const PciPlace& place, const FoundFunction& found);
    StarterFunction function(const PciPlace& place, const FoundFunction& found);
    void number(std::vector<StarterFunction>& functions, unsigned& last) const;

    /// Of those of domains that no firmware has: where they are, and what stands for them.
    std::string beyond() const;

    std::map<PciPlace, FoundFunction> all_;         ///< of domains that firmware can have
    std::map<PciPlace, FoundFunction> beyond_;      ///< of the others
    std::map<std::uint64_t, PciPlace> bridges_;     ///< by domain and bus, those that lead to it
    std::map<unsigned, std::bitset<256>> covered_;  ///< by domain, the buses behind bridges
    std::size_t placed_ = 0;
    bool guessed_ = false;   ///< the kind of a bridge
    bool inferred_ = false;  ///< some ACS
};

}  // namespace xlate::study
