// Small programs with known numbers of traces: tasks over shared variables and locks.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "explore/machine/program.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::explore::tests {

struct Variables : kernel::HeapObject {
    explicit Variables(kernel::Kernel& kernel, std::size_t count) : HeapObject(kernel, "variables") {
        for (std::size_t i = 0; i < count; ++i) all.emplace_back(*this, "x", 0);
    }
    std::deque<kernel::Shared<int>> all;
};

struct LitmusWorld;
using Body = std::function<void(LitmusWorld&)>;

struct LitmusWorld : World {
    LitmusWorld(kernel::Kernel& kernel, std::size_t variables, std::size_t locks, const std::vector<Body>& tasks)
        : k(kernel), x(kernel, variables), bodies(tasks) {
        for (std::size_t i = 0; i < locks; ++i)
            lock.push_back(std::make_unique<kernel::Mutex>(kernel, "lock", "", kernel::LockOptions{false}));
        results.resize(tasks.size());
    }
    void start() override {
        for (std::size_t i = 0; i < bodies.size(); ++i) {
            k.spawn("t" + std::to_string(i), static_cast<unsigned>(i), [this, i] { bodies[i](*this); });
        }
    }
    int get(std::size_t i) { return x.all[i].read_once("R"); }
    void set(std::size_t i, int value) { x.all[i].write_once(value, "W"); }
    std::string outcome() const override {
        std::string text;
        for (const auto& one : x.all) text += std::to_string(one.peek()) + " ";
        text += "|";
        for (const auto& one : results) text += " " + one;
        return text;
    }
    kernel::Kernel& k;
    Variables x;
    std::vector<std::unique_ptr<kernel::Mutex>> lock;
    std::vector<std::string> results;
    const std::vector<Body>& bodies;
};

class Litmus : public Program {
public:
    Litmus(std::size_t variables, std::size_t locks, std::vector<Body> tasks)
        : variables_(variables), locks_(locks), tasks_(std::move(tasks)), variant_(kernel::find_variant("base")) {}
    std::string name() const override { return "litmus"; }
    const kernel::Variant& variant() const override { return variant_; }
    std::unique_ptr<World> make(kernel::Kernel& kernel) const override {
        return std::make_unique<LitmusWorld>(kernel, variables_, locks_, tasks_);
    }

private:
    std::size_t variables_;
    std::size_t locks_;
    std::vector<Body> tasks_;
    kernel::Variant variant_;
};

/// Two or three tasks that read, write and lock what they share, drawn by seed.
inline Litmus random_program(std::uint64_t seed) {
    Rng draw(seed, "tests.explore.dpor");
    std::vector<Body> tasks;
    const std::size_t count = 2 + draw.below(2);
    for (std::size_t t = 0; t < count; ++t) {
        std::vector<std::pair<std::uint64_t, std::size_t>> code;
        const std::size_t length = count == 2 ? 2 + draw.below(4) : 2 + draw.below(2);
        for (std::size_t i = 0; i < length; ++i) {
            // One after the other: the order of arguments is the compiler's.
            const std::size_t at = draw.below(2);
            code.emplace_back(draw.below(6), at);
        }
        tasks.emplace_back([code, t](LitmusWorld& w) {
            int last = 0;
            bool held[2] = {false, false};
            for (const auto& [op, at] : code) {
                switch (op) {
                    case 0:
                    case 1:
                        last = w.get(at);
                        break;
                    case 2:
                        w.set(at, static_cast<int>(10 * t) + last + 1);
                        break;
                    case 3:
                        w.x.all[at].update([](int n) { return n * 2 + 1; }, "U");
                        break;
                    case 4:
                        if (!held[at]) w.lock[at]->lock("L");
                        held[at] = true;
                        break;
                    default:
                        if (w.lock[at]->held_by_current()) {
                            w.lock[at]->unlock("UL");
                            held[at] = false;
                        } else if (w.lock[at]->try_lock("TL")) {
                            held[at] = true;
                            ++last;
                        }
                }
            }
            for (std::size_t i = 0; i < 2; ++i) {
                if (w.lock[i]->held_by_current()) w.lock[i]->unlock("UL");
            }
            w.results[t] = std::to_string(last);
        });
    }
    return Litmus(2, 2, std::move(tasks));
}

}  // namespace xlate::explore::tests
