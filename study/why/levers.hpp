// What could be larger on a master's way, and how a config says so.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "study/config/config.hpp"

namespace xlate::study {

/// One resource, larger (or one latency, shorter).
struct Lever {
    std::string resource;  ///< as `limited_by` names it (study/results/resources.hpp)
    std::string key;       ///< of the config
    std::string from;
    std::string to;
    std::vector<Override> sets;  ///< over the config's file
};

/// The levers of master number `master` of `result`, a run of `config`: what is as large as it can be has none. An
/// enlarged resource is four times as large (buffers and TLBs: eight times); what a master asks for, twice.
std::vector<Lever> levers_of(const Config& config, const nlohmann::ordered_json& result, std::size_t master);

}  // namespace xlate::study
