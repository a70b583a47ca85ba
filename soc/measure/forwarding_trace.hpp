// A listener in front of another one: what those that look on while they pass everything on have in common.
#pragma once

#include "soc/measure/trace.hpp"

namespace xlate::soc {

/// Hands every call on to `next`, if there is one. A class that looks at a call overrides it, and calls this one too.
class ForwardingTrace : public TraceSink {
public:
    /// Not owned; nullptr: none. Asks for steps if `next` does. Before the run.
    void set_next(TraceSink* next) {
        next_ = next;
        steps = steps || (next != nullptr && next->steps);
    }

    void step(const TraceStep& step) override {
        if (next_ != nullptr && next_->steps) next_->step(step);
    }
    void issued(std::string_view device, std::uint64_t number, SimTime at) override {
        if (next_ != nullptr) next_->issued(device, number, at);
    }
    void ended(std::string_view device, std::uint64_t number, const Ledger& ledger, SimTime at) override {
        if (next_ != nullptr) next_->ended(device, number, ledger, at);
    }
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override {
        if (next_ != nullptr) next_->transaction(device, number, iova, write, start, end, fault);
    }
    void message(std::string_view device, std::uint64_t number, std::uint64_t iova, SimTime start, SimTime end,
                 bool fault) override {
        if (next_ != nullptr) next_->message(device, number, iova, start, end, fault);
    }
    void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
              std::uint64_t detail) override {
        if (next_ != nullptr) next_->span(component, what, start, end, detail);
    }
    void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) override {
        if (next_ != nullptr) next_->instant(component, what, at, detail);
    }

private:
    TraceSink* next_ = nullptr;
};

}  // namespace xlate::soc
