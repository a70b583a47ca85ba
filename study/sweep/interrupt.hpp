// Whether a sweep that is under way is to stop; shared by the ways to run one.
#pragma once

namespace xlate::study {

/// For as long as it stands, interrupt_sweep() is heard.
class SweepUnderWay {
public:
    SweepUnderWay();
    ~SweepUnderWay();
    SweepUnderWay(const SweepUnderWay&) = delete;
    SweepUnderWay& operator=(const SweepUnderWay&) = delete;
};

bool sweep_interrupted();

}  // namespace xlate::study
