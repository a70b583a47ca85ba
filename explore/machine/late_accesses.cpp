#include "explore/machine/late_accesses.hpp"

#include <algorithm>

namespace xlate::explore {

std::shared_ptr<LateAccess> LateAccesses::add_store(const kernel::Task& owner, std::uint64_t address,
                                                    const std::uint8_t* bytes, std::size_t size) {
    auto store = std::make_shared<LateAccess>();
    store->owner = &owner;
    store->is_store = true;
    store->address = address;
    store->size = size;
    store->bytes.assign(bytes, bytes + size);
    for (const Fence& fence : fences_) {
        if (fence.owner == &owner) store->after = fence.before;
    }
    for (const auto& earlier : all_) {
        if (earlier->owner == &owner && !earlier->done && earlier->overlaps(address, size))
            store->after.push_back(earlier);
    }
    all_.push_back(store);
    return store;
}

// Earlier stores of its own to these bytes are forwarded, not waited for.
std::shared_ptr<LateAccess> LateAccesses::add_load(const kernel::Task& owner, std::uint64_t address, std::size_t size) {
    auto load = std::make_shared<LateAccess>();
    load->owner = &owner;
    load->address = address;
    load->size = size;
    for (const auto& earlier : all_) {
        if (earlier->owner == &owner && !earlier->done && !earlier->is_store && earlier->overlaps(address, size))
            load->after.push_back(earlier);
    }
    all_.push_back(load);
    return load;
}

LateAccesses::List LateAccesses::pending(const kernel::Task& owner) const {
    List found;
    for (const auto& one : all_) {
        if (one->owner == &owner && !one->done) found.push_back(one);
    }
    return found;
}

LateAccesses::List LateAccesses::pending_loads(const kernel::Task& owner) const {
    List found = pending(owner);
    found.erase(std::remove_if(found.begin(), found.end(), [](const auto& one) { return one->is_store; }), found.end());
    return found;
}

void LateAccesses::forward(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes, std::size_t size,
                           const LateAccess* load) const {
    for (const auto& one : all_) {
        if (one.get() == load) return;
        if (one->owner != &owner || !one->is_store || one->done || !one->overlaps(address, size)) continue;
        const std::uint64_t first = std::max(address, one->address);
        const std::uint64_t last = std::min(address + size, one->address + one->size);
        for (std::uint64_t at = first; at < last; ++at) bytes[at - address] = one->bytes[at - one->address];
    }
}

LateAccesses::List LateAccesses::pending_stores(const kernel::Task& owner) const {
    List found = pending(owner);
    found.erase(std::remove_if(found.begin(), found.end(), [](const auto& one) { return !one->is_store; }),
                found.end());
    return found;
}

LateAccesses::Fence& LateAccesses::of(std::vector<Fence>& fences, const kernel::Task& owner) {
    const auto mine = std::find_if(fences.begin(), fences.end(), [&](const Fence& one) { return one.owner == &owner; });
    return mine != fences.end() ? *mine : fences.emplace_back(Fence{&owner, {}});
}

void LateAccesses::barrier(const kernel::Task& owner) { of(fences_, owner).before = pending_stores(owner); }

void LateAccesses::unlock(const kernel::Task& owner, kernel::Resource lock) {
    of(unlocks_, owner).before = pending_stores(owner);
    const auto known =
        std::find_if(released_.begin(), released_.end(), [&](const Released& one) { return one.lock == lock; });
    Released& released = known != released_.end() ? *known : released_.emplace_back(Released{lock, {}});
    released.before = pending(owner);
}

// Linux's model: an unlock and a lock of one CPU, of whatever locks, order what is before and behind them.
void LateAccesses::lock(const kernel::Task& owner) {
    List& before = of(fences_, owner).before;
    for (const auto& one : of(unlocks_, owner).before) {
        if (!one->done && std::find(before.begin(), before.end(), one) == before.end()) before.push_back(one);
    }
}

LateAccesses::List LateAccesses::awaited(const kernel::Task& taker, kernel::Resource lock) const {
    List found;
    for (const Released& released : released_) {
        if (released.lock != lock) continue;
        for (const auto& one : released.before) {
            if (one->owner != &taker) found.push_back(one);
        }
    }
    return found;
}

bool LateAccesses::awaits(const kernel::Task& taker, kernel::Resource lock) const {
    const List all = awaited(taker, lock);
    return std::any_of(all.begin(), all.end(), [](const auto& one) { return !one->done; });
}

}  // namespace xlate::explore
