// A run in a process of its own, for what it would come to: SystemC elaborates once a process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// Calls each of `works` in a child process, at most `jobs` at once, and returns what each returned; what a child threw
/// as InputError, {"error": text}. Errors: InputError (limit) if no process can be started.
std::vector<nlohmann::ordered_json> in_processes(const std::vector<std::function<nlohmann::ordered_json()>>& works,
                                                 unsigned jobs);

}  // namespace xlate::study
