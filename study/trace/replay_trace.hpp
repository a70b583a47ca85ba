// A replayed schedule for ui.perfetto.dev: a track a task with a slice a step (a step is drawn one microsecond long),
// the changes of shared state and the reports as instants on tracks of their own.
#pragma once

#include <string>

#include "explore/search/explore.hpp"

namespace xlate::study {

/// The bytes of the trace file.
std::string replay_trace(const explore::Replay& replay);

}  // namespace xlate::study
