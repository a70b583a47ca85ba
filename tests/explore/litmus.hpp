// Small programs with known numbers of traces: tasks over shared variables and locks.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "explore/program.hpp"
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

}  // namespace xlate::explore::tests
