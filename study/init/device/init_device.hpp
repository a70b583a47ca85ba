// `xlate init --device ...`: a config and its study for one device on a board that is made for it.
#pragma once

#include <string>

#include "study/init/device/device_question.hpp"

namespace xlate::study {

/// A config (YAML) that `xlate run` and `xlate sweep` read: link, interconnect and memory that can carry the device,
/// its traffic, and a study of what decides: TLB entries and pages where memory stays mapped, the kernel's policy where
/// each packet is mapped. `name`: of the file, for the comments; empty: stdout.
/// Errors: InputError (usage) if no link carries the rate.
std::string device_config(const DeviceQuestion& question, const std::string& name);

}  // namespace xlate::study
