// The shape of a ring or mesh: its nodes, who stands where, and the ways between them. No SystemC, no time.
//   mesh   columns x rows; a way goes along its row first, then along the column, unless the config says another
//   ring   the shorter way round; of two as long the one with rising numbers
// Ways that could wait for one another in a circle are refused. In a ring they cannot: who has passed between the last
// and the first node uses the other half of the virtual channels from there on.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "soc/config.hpp"

namespace xlate::soc {

class NetworkPlan {
public:
    /// Routes of `params` that are not ones are left out: check_network() names them.
    explicit NetworkPlan(const NetworkParams& params);

    std::size_t nodes() const;
    /// "3" in a ring, "1,2" in a mesh.
    std::string name(std::size_t node) const;
    /// "3" or "1,2"; nothing if there is no such node.
    std::optional<std::size_t> find(std::string_view name) const;
    /// The nodes behind `from`, the last is `to`; empty if they are the same.
    std::vector<std::size_t> way(std::size_t from, std::size_t to) const;
    /// Whether a step leads between the last and the first node of a ring.
    bool crosses(std::size_t from, std::size_t to) const;
    bool neighbours(std::size_t a, std::size_t b) const;
    bool ring() const { return params_.kind == NetworkParams::Kind::ring; }
    /// A circle of steps each of which waits for the next, as text; empty: there is none.
    std::string circle() const;

private:
    NetworkParams params_;
    std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> routes_;
};

/// What a ring or mesh cannot be. `names`: what may hang on it. Nothing of a crossbar.
std::vector<Diagnostic> check_network(const NetworkParams& params, const std::vector<std::string>& names);

}  // namespace xlate::soc
