#include "explore/machine/late_accesses.hpp"

#include <algorithm>
#include <utility>

namespace xlate::explore {

namespace {

void add_once(LateAccesses::List& list, const std::shared_ptr<LateAccess>& one) {
    if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(one);
}

}  // namespace

const LateAccess::Sight* LateAccess::sight_of(const kernel::Task& of) const {
    const auto found = std::find_if(sights.begin(), sights.end(), [&](const Sight& one) { return one.by == &of; });
    return found == sights.end() ? nullptr : &*found;
}

bool LateAccess::seen_by(const kernel::Task& of) const {
    const Sight* const sight = sight_of(of);
    return sight == nullptr ? done : sight->done;
}

bool LateAccess::seen_by_all() const {
    return done && std::all_of(sights.begin(), sights.end(), [](const Sight& one) { return one.done; });
}

std::shared_ptr<LateAccess> LateAccesses::add_store(const kernel::Task& owner, std::uint64_t address,
                                                    const std::uint8_t* bytes, std::size_t size) {
    has_lock(owner);
    auto store = std::make_shared<LateAccess>();
    store->owner = &owner;
    store->is_store = true;
    store->address = address;
    store->size = size;
    store->bytes.assign(bytes, bytes + size);
    (each_ ? store->behind : store->after) = of(fences_, owner).before;
    for (const auto& load : of(branches_, owner).before) store->after.push_back(load);
    for (const auto& earlier : all_) {
        if (earlier->owner != &owner || !earlier->overlaps(address, size)) continue;
        if (!earlier->done) store->after.push_back(earlier);
        if (each_ && earlier->is_store) add_once(store->behind, earlier);
    }
    all_.push_back(store);
    return store;
}

// Earlier stores of its own to these bytes are forwarded, not waited for.
std::shared_ptr<LateAccess> LateAccesses::add_load(const kernel::Task& owner, std::uint64_t address, std::size_t size) {
    has_lock(owner);
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

void LateAccesses::stored(const std::shared_ptr<LateAccess>& store, std::vector<std::uint8_t> replaced) {
    store->done = true;
    if (!each_) return;
    store->replaced = std::move(replaced);
    stored_.push_back(store);
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

LateAccesses::List LateAccesses::unseen_stores(const kernel::Task& owner) const {
    List found;
    for (const auto& one : all_) {
        if (one->owner == &owner && one->is_store && !one->seen_by_all()) found.push_back(one);
    }
    return found;
}

void LateAccesses::seen(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes, std::size_t size,
                        const LateAccess* load) {
    if (each_) take_back(owner, address, bytes, size);
    forward(owner, address, bytes, size, load);
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

/// Of each byte, the last store to it that has come to `owner`; memory has the last one of all.
void LateAccesses::take_back(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes, std::size_t size) {
    for (std::uint64_t at = address; at < address + size; ++at) {
        std::uint8_t& byte = bytes[at - address];
        for (auto one = stored_.rbegin(); one != stored_.rend(); ++one) {
            if (!(*one)->covers(at)) continue;
            byte = (*one)->replaced[at - (*one)->address];
            if (!(*one)->seen_by(owner)) continue;
            byte = (*one)->bytes[at - (*one)->address];
            if ((*one)->owner != &owner) add_once(of(read_, owner).before, *one);
            break;
        }
    }
}

LateAccesses::Fence& LateAccesses::of(std::vector<Fence>& fences, const kernel::Task& owner) {
    const auto mine = std::find_if(fences.begin(), fences.end(), [&](const Fence& one) { return one.owner == &owner; });
    return mine != fences.end() ? *mine : fences.emplace_back(Fence{&owner, {}});
}

void LateAccesses::barrier(const kernel::Task& owner) {
    has_lock(owner);
    of(fences_, owner).before = unseen_stores(owner);
}

void LateAccesses::branch(const kernel::Task& owner) { of(branches_, owner).before = pending_loads(owner); }

LateAccesses::List LateAccesses::awaited_by_all(const kernel::Task& owner) {
    if (!each_) return {};
    List found = unseen_stores(owner);
    for (const auto& one : of(read_, owner).before) add_once(found, one);
    return found;
}

void LateAccesses::unlock(const kernel::Task& owner, kernel::Resource lock) {
    has_lock(owner);
    of(unlocks_, owner).before = unseen_stores(owner);
    const auto known =
        std::find_if(released_.begin(), released_.end(), [&](const Released& one) { return one.lock == lock; });
    Released& released = known != released_.end() ? *known : released_.emplace_back();
    released = {lock, &owner, pending(owner)};
    for (const auto& one : awaited_by_all(owner)) add_once(released.before, one);
}

const LateAccesses::Released* LateAccesses::released(kernel::Resource lock) const {
    const auto found =
        std::find_if(released_.begin(), released_.end(), [&](const Released& one) { return one.lock == lock; });
    return found == released_.end() ? nullptr : &*found;
}

// Linux's model: an unlock and a lock of one CPU, of whatever locks, order what is before and behind them.
void LateAccesses::lock(const kernel::Task& owner, kernel::Resource lock) {
    has_lock(owner);
    List& before = of(fences_, owner).before;
    for (const auto& one : of(unlocks_, owner).before) {
        if (!one->seen_by_all()) add_once(before, one);
    }
    if (each_) wanted_.push_back({&owner, lock});
}

/// By now it has the lock that it wanted: what it stores is seen after what the last holder had stored.
void LateAccesses::has_lock(const kernel::Task& owner) {
    for (auto wanted = wanted_.begin(); wanted != wanted_.end(); ++wanted) {
        if (wanted->owner != &owner) continue;
        if (const Released* const last = released(wanted->lock)) {
            for (const auto& one : last->before) {
                if (one->is_store && one->owner == last->by) add_once(of(fences_, owner).before, one);
            }
        }
        wanted_.erase(wanted);
        return;
    }
}

LateAccesses::List LateAccesses::awaited(const kernel::Task& taker, kernel::Resource lock) const {
    List found;
    if (const Released* const last = released(lock)) {
        for (const auto& one : last->before) {
            if (one->owner != &taker) found.push_back(one);
        }
    }
    return found;
}

bool LateAccesses::awaits(const kernel::Task& taker, kernel::Resource lock) const {
    const List all = awaited(taker, lock);
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return !one->seen_by(taker); });
}

}  // namespace xlate::explore
