#include "study/trace/replay_trace.hpp"

#include "study/trace/trace_recorder.hpp"

namespace xlate::study {

std::string replay_trace(const explore::Replay& replay) {
    TraceRecorder recorder;
    for (std::size_t i = 0; i < replay.steps.size(); ++i) {
        const explore::ReplayStep& step = replay.steps[i];
        std::string what = step.step.empty() ? step.action : step.step + " " + step.action;
        if (!step.function.empty()) what += " in " + step.function;
        recorder.span(replay.tasks[step.task], what, us(i), us(i + 1), i);
        if (step.deviation) recorder.instant("schedule", "the schedule turns", us(i), i);
        for (const std::string& change : step.changes) recorder.instant("shared state", change, us(i), i);
    }
    for (const kernel::Report& report : replay.reports)
        recorder.instant("reports", report.headline(), report.time.fs != 0 ? report.time : us(replay.steps.size()), 0);
    std::string file;
    recorder.finish([&file](std::string_view piece) { file += piece; });
    return file;
}

}  // namespace xlate::study
