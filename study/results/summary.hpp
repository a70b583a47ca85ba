// A result, told to an architect on a terminal: what the kernel made of the firmware, then where the time went.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace xlate::study {

/// Plain text, 100 columns or less a line where names allow it; with `color`, headings and problems stand out.
std::string summarize(const nlohmann::ordered_json& result, bool color);

/// One line about a master whose masters[].steady says that it had not settled.
std::string unsettled_text(const std::string& device, const nlohmann::ordered_json& steady);

/// The part of breakdown_ns that most runs have none of, and whether some master of a result has: it waited for
/// software's answers.
inline constexpr const char* kSoftware = "software";
bool waits_for_software(const nlohmann::ordered_json& result);

}  // namespace xlate::study
