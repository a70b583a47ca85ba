#include "soc/bus/network_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/quantity.hpp"

namespace xlate::soc {

namespace {

constexpr std::string_view kArrow = "->";

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> all;
    for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
        const std::size_t end = std::min(text.find(' '), text.size());
        all.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return all;
}

/// A route as a config writes it: what is wrong, or the nodes.
struct Route {
    std::size_t from = 0, to = 0;
    std::vector<std::size_t> nodes;
    std::string wrong, expected;
};

Route read_route(const NetworkPlan& plan, const std::string& key, const std::string& text) {
    Route route;
    const auto fail = [&](std::string wrong, std::string expected) {
        route.wrong = std::move(wrong);
        route.expected = std::move(expected);
        return route;
    };
    const std::size_t arrow = key.find(kArrow);
    const auto from = plan.find(trimmed(std::string_view(key).substr(0, arrow)));
    const auto to = arrow == std::string::npos
                        ? std::nullopt
                        : plan.find(trimmed(std::string_view(key).substr(arrow + kArrow.size())));
    if (!from || !to || from == to)
        return fail("no two nodes", fmt::format("such as '{} -> {}'", plan.name(0), plan.name(plan.nodes() - 1)));
    route.from = *from;
    route.to = *to;
    std::set<std::size_t> seen{*from};
    std::size_t at = *from;
    for (const std::string_view word : words(text)) {
        const auto node = plan.find(word);
        if (!node) return fail(fmt::format("there is no node '{}'", printable(std::string(word))), "nodes of the way");
        if (!plan.neighbours(at, *node))
            return fail(fmt::format("no link leads from {} to {}", plan.name(at), plan.name(*node)), "a neighbour");
        if (!seen.insert(*node).second)
            return fail(fmt::format("the route loops: it comes to {} twice", plan.name(*node)), "each node once");
        route.nodes.push_back(*node);
        at = *node;
    }
    if (at != *to)
        return fail(fmt::format("the route ends at {}", plan.name(at)),
                    fmt::format("its last node is {}", plan.name(*to)));
    return route;
}

}  // namespace

NetworkPlan::NetworkPlan(const NetworkParams& params) : params_(params) {
    for (const auto& [key, text] : params.routes) {
        const Route route = read_route(*this, key, text);
        if (route.wrong.empty()) routes_[{route.from, route.to}] = route.nodes;
    }
}

std::size_t NetworkPlan::nodes() const {
    return ring() ? params_.columns : std::size_t{params_.columns} * params_.rows;
}

std::string NetworkPlan::name(std::size_t node) const {
    return ring() ? std::to_string(node) : fmt::format("{},{}", node % params_.columns, node / params_.columns);
}

std::optional<std::size_t> NetworkPlan::find(std::string_view name) const {
    const std::size_t comma = name.find(',');
    const Parsed<std::uint64_t> first = parse_integer(std::string(name.substr(0, comma)));
    if (!first) return std::nullopt;
    std::uint64_t node = first.value();
    if (ring() != (comma == std::string_view::npos)) return std::nullopt;
    if (!ring()) {
        const Parsed<std::uint64_t> second = parse_integer(std::string(name.substr(comma + 1)));
        if (!second || first.value() >= params_.columns || second.value() >= params_.rows) return std::nullopt;
        node = second.value() * params_.columns + first.value();
    }
    return node < nodes() ? std::optional(static_cast<std::size_t>(node)) : std::nullopt;
}

bool NetworkPlan::neighbours(std::size_t a, std::size_t b) const {
    const std::size_t apart = a > b ? a - b : b - a;
    if (ring()) return apart == 1 || apart == nodes() - 1;
    const bool same_row = a / params_.columns == b / params_.columns;
    return (same_row && apart == 1) || apart == params_.columns;
}

bool NetworkPlan::crosses(std::size_t from, std::size_t to) const {
    return ring() && nodes() > 2 && (from > to ? from - to : to - from) == nodes() - 1;
}

std::vector<std::size_t> NetworkPlan::way(std::size_t from, std::size_t to) const {
    const auto own = routes_.find({from, to});
    if (own != routes_.end()) return own->second;
    std::vector<std::size_t> all;
    std::size_t at = from;
    while (at != to) {
        if (ring()) {
            const std::size_t up = (to + nodes() - at) % nodes();
            at = up <= nodes() - up ? (at + 1) % nodes() : (at + nodes() - 1) % nodes();
        } else if (at % params_.columns != to % params_.columns) {
            at = at % params_.columns < to % params_.columns ? at + 1 : at - 1;
        } else {
            at = at < to ? at + params_.columns : at - params_.columns;
        }
        all.push_back(at);
    }
    return all;
}

std::string NetworkPlan::circle() const {
    // A step and the half of the channels that it uses waits for the steps that follow it on some way.
    using Step = std::pair<std::pair<std::size_t, std::size_t>, bool>;
    std::map<Step, std::set<Step>> waits;
    for (std::size_t from = 0; from < nodes(); ++from) {
        for (std::size_t to = 0; to < nodes(); ++to) {
            std::size_t at = from;
            bool crossed = false;
            std::optional<Step> before;
            for (const std::size_t next : way(from, to)) {
                crossed = crossed || crosses(at, next);
                const Step step{{at, next}, crossed};
                if (before) waits[*before].insert(step);
                before = step;
                at = next;
            }
        }
    }
    std::map<Step, int> state;  // 1: on the way, 2: done
    std::vector<Step> on_way;
    std::string found;
    const std::function<bool(const Step&)> visit = [&](const Step& step) {
        state[step] = 1;
        on_way.push_back(step);
        for (const Step& next : waits[step]) {
            if (state[next] == 2) continue;
            if (state[next] == 1) {
                for (auto one = std::find(on_way.begin(), on_way.end(), next); one != on_way.end(); ++one)
                    found += name(one->first.first) + " -> ";
                found += name(next.first.first);
                return true;
            }
            if (visit(next)) return true;
        }
        on_way.pop_back();
        state[step] = 2;
        return false;
    };
    std::vector<Step> steps;
    for (const auto& [step, others] : waits) steps.push_back(step);
    for (const Step& step : steps) {
        if (state[step] == 0 && visit(step)) break;
    }
    return found;
}

std::vector<Diagnostic> check_network(const NetworkParams& params, const std::vector<std::string>& names) {
    std::vector<Diagnostic> all;
    const auto add = [&](const std::string& key, std::string what, std::string expected, std::string nearest = {}) {
        Diagnostic finding;
        finding.path = "soc.interconnect." + key;
        finding.what = std::move(what);
        finding.expected = std::move(expected);
        finding.nearest = std::move(nearest);
        all.push_back(std::move(finding));
    };
    const auto range = [&](std::uint64_t value, std::uint64_t low, std::uint64_t high, const char* key) {
        if (value < low || value > high)
            add(key, fmt::format("{} is out of range", value), fmt::format("{} to {}", low, high));
    };
    if (params.kind == NetworkParams::Kind::crossbar) {
        if (!params.nodes.empty() || !params.routes.empty())
            add(params.nodes.empty() ? "routes" : "nodes", "a crossbar has none", "kind: ring or mesh");
        return all;
    }
    range(params.columns, 2, 64, "columns");
    range(params.rows, 1, 64, "rows");
    range(params.virtual_channels, 1, 8, "virtual_channels");
    range(params.credits, 1, 64, "credits");
    if (params.kind == NetworkParams::Kind::ring && params.virtual_channels % 2 != 0)
        add("virtual_channels", fmt::format("found {}", params.virtual_channels),
            "an even number: half of them are for what has passed the last node");
    if (!all.empty()) return all;
    const NetworkPlan plan(params);
    for (const auto& [what, node] : params.nodes) {
        if (std::find(names.begin(), names.end(), what) == names.end())
            add(key_path("nodes", what), "nothing of this name hangs on the interconnect",
                names.empty() ? "none" : "one such as '" + names.front() + "'", nearest_name(what, names).value_or(""));
        if (!plan.find(node))
            add(key_path("nodes", what), fmt::format("there is no node '{}'", printable(node)),
                fmt::format("'{}' to '{}'", plan.name(0), plan.name(plan.nodes() - 1)));
    }
    for (const auto& [key, text] : params.routes) {
        const Route route = read_route(plan, key, text);
        if (!route.wrong.empty()) add(key_path("routes", key), route.wrong, route.expected);
    }
    if (!all.empty()) return all;
    const std::string circle = plan.circle();
    if (!circle.empty())
        add("routes", "these routes could wait for one another for ever: " + circle, "routes without such a circle");
    return all;
}

}  // namespace xlate::soc
