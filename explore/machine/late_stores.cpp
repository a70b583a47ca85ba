#include "explore/machine/late_stores.hpp"

#include <algorithm>

namespace xlate::explore {

std::shared_ptr<LateStore> LateStores::add(const kernel::Task& owner, std::uint64_t address, const std::uint8_t* bytes,
                                           std::size_t size) {
    auto store = std::make_shared<LateStore>();
    store->owner = &owner;
    store->address = address;
    store->bytes.assign(bytes, bytes + size);
    for (const Fence& fence : fences_) {
        if (fence.owner == &owner) store->after = fence.before;
    }
    for (const auto& earlier : stores_) {
        if (earlier->owner == &owner && !earlier->seen && earlier->overlaps(address, size))
            store->after.push_back(earlier);
    }
    stores_.push_back(store);
    return store;
}

std::vector<std::shared_ptr<LateStore>> LateStores::pending(const kernel::Task& owner) const {
    std::vector<std::shared_ptr<LateStore>> all;
    for (const auto& store : stores_) {
        if (store->owner == &owner && !store->seen) all.push_back(store);
    }
    return all;
}

void LateStores::forward(const kernel::Task& owner, std::uint64_t address, std::uint8_t* bytes,
                         std::size_t size) const {
    for (const auto& store : stores_) {
        if (store->owner != &owner || store->seen || !store->overlaps(address, size)) continue;
        const std::uint64_t first = std::max(address, store->address);
        const std::uint64_t last = std::min(address + size, store->address + store->bytes.size());
        for (std::uint64_t at = first; at < last; ++at) bytes[at - address] = store->bytes[at - store->address];
    }
}

void LateStores::barrier(const kernel::Task& owner) {
    Fence fence{&owner, pending(owner)};
    const auto mine =
        std::find_if(fences_.begin(), fences_.end(), [&](const Fence& one) { return one.owner == &owner; });
    if (mine != fences_.end()) {
        *mine = std::move(fence);
    } else {
        fences_.push_back(std::move(fence));
    }
}

}  // namespace xlate::explore
