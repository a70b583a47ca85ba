// Something that acts in simulated time, known by its name.
#pragma once

#include <cstdint>
#include <string>

#include "base/digest.hpp"

namespace xlate::soc {

/// Ranks come from names, not from the order of construction: so building modules in another order changes nothing.
class Component {
public:
    explicit Component(std::string component_name)
        : name_(std::move(component_name)), name_digest_(Digest{}.add(name_).value()) {}
    Component(const Component&) = delete;
    Component& operator=(const Component&) = delete;

    const std::string& component_name() const { return name_; }
    /// The same in every SoC that has a component of this name.
    std::uint64_t name_digest() const { return name_digest_; }
    /// Place among all components, by name. Good after Agenda::rank_components().
    std::uint32_t rank() const { return rank_; }

private:
    friend class Agenda;
    std::string name_;
    std::uint64_t name_digest_;
    std::uint32_t rank_ = 0;
};

/// A name as SystemC allows it: without dots and blanks.
inline std::string systemc_name(std::string name) {
    for (char& c : name) {
        if (c == '.' || c == ' ' || c == '\t') c = '_';
    }
    return name;
}

}  // namespace xlate::soc
