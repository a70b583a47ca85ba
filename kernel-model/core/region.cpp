#include "kernel-model/core/region.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define XLATE_PLAIN_NEW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define XLATE_PLAIN_NEW 1
#endif
#endif

namespace xlate::kernel {

namespace detail {

__thread Bump* active_bump = nullptr;

}  // namespace detail

namespace {

constexpr std::size_t kRegions = 256;
constexpr std::size_t kAllBytes = kRegions * Region::kBytes;
constexpr std::size_t kKeptBytes = std::size_t{2} << 20;             // pages that a region keeps for its next user
constexpr std::size_t kUnit = 16;                                    // alignment of everything
constexpr std::uintptr_t kNowhere = ~std::uintptr_t{0} - kAllBytes;  // no pointer lies there

// Of all regions, so that operator delete knows theirs by one comparison.
std::atomic<std::uintptr_t> all_begin{kNowhere};

[[maybe_unused]] bool in_any_region(const void* memory) {
    return reinterpret_cast<std::uintptr_t>(memory) - all_begin.load(std::memory_order_relaxed) < kAllBytes;
}

/// The supply. Never destroyed: what lies in a region may be freed at the very end of the program.
class Supply {
public:
    static Supply& get() {
        static Supply* const supply = new Supply;
        return *supply;
    }
    std::byte* take() {
        const std::lock_guard<std::mutex> guard(mutex_);
        if (!idle_.empty()) {
            std::byte* const region = idle_.back();
            idle_.pop_back();
            return region;
        }
        if (begin_ == nullptr || made_ == kRegions) return nullptr;
        std::byte* const region = begin_ + made_ * Region::kBytes;
        if (mprotect(region, Region::kBytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
        ++made_;
        return region;
    }
    void give_back(std::byte* region) {
        madvise(region + kKeptBytes, Region::kBytes - kKeptBytes, MADV_DONTNEED);
        const std::lock_guard<std::mutex> guard(mutex_);
        idle_.push_back(region);
    }

private:
    Supply() {
        idle_.reserve(kRegions);
#ifndef XLATE_PLAIN_NEW
        void* const all = mmap(nullptr, kAllBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all == MAP_FAILED) return;
        begin_ = static_cast<std::byte*>(all);
        all_begin = reinterpret_cast<std::uintptr_t>(all);
#endif
    }
    std::mutex mutex_;
    std::byte* begin_ = nullptr;
    std::size_t made_ = 0;
    std::vector<std::byte*> idle_;
};

}  // namespace

std::unique_ptr<Region> Region::make() {
    const RegionPause outside;
    std::byte* const begin = Supply::get().take();
    return begin != nullptr ? std::unique_ptr<Region>(new Region(begin)) : nullptr;
}

Region::Region(std::byte* begin) : begin_(begin), bump_{begin, begin + kBytes} {}

Region::~Region() {
    if (!retired_) Supply::get().give_back(begin_);
}

void Region::poison() {
    constexpr std::size_t kPoisoned = std::size_t{1} << 20;
    std::byte* const end =
        bump_.end - bump_.top < static_cast<std::ptrdiff_t>(kPoisoned) ? bump_.end : bump_.top + kPoisoned;
    std::memset(bump_.top, 0xCD, static_cast<std::size_t>(end - bump_.top));
}

void Region::save() {
    const RegionPause outside;
    copy_.assign(begin_, bump_.top);
}

void Region::restore() {
    std::memcpy(begin_, copy_.data(), copy_.size());
    bump_.top = begin_ + copy_.size();
}

namespace {

[[maybe_unused]] constexpr std::size_t rounded(std::size_t size) {
    return size == 0 ? kUnit : (size + kUnit - 1) / kUnit * kUnit;
}

/// Null: there is no room.
[[maybe_unused]] void* take(detail::Bump& bump, std::size_t size, std::size_t alignment) {
    const auto at = (reinterpret_cast<std::uintptr_t>(bump.top) + alignment - 1) / alignment * alignment;
    const auto end = reinterpret_cast<std::uintptr_t>(bump.end);
    if (at > end || rounded(size) < size || end - at < rounded(size)) return nullptr;
    bump.top = reinterpret_cast<std::byte*>(at + rounded(size));
    return reinterpret_cast<void*>(at);
}

/// The last allocation is taken back: what comes and goes keeps its place.
[[maybe_unused]] void give_back(void* memory, std::size_t size) {
    detail::Bump* const bump = detail::active_bump;
    if (bump != nullptr && static_cast<std::byte*>(memory) + rounded(size) == bump->top) {
        bump->top = static_cast<std::byte*>(memory);
    }
}

}  // namespace

}  // namespace xlate::kernel

// A local static that happens to be made during a run outlives it. The linker leads the compiler's calls around its
// initialisation here (CMakeLists.txt).
namespace {

thread_local xlate::kernel::detail::Bump* bump_before_static = nullptr;
thread_local unsigned statics_under_way = 0;

void begin_static() {
    if (statics_under_way++ == 0) bump_before_static = std::exchange(xlate::kernel::detail::active_bump, nullptr);
}
void end_static() {
    if (--statics_under_way == 0) xlate::kernel::detail::active_bump = bump_before_static;
}

}  // namespace

extern "C" {

// Weak: a program that is linked without that, and so without regions, never comes here.
[[gnu::weak]] int __real___cxa_guard_acquire(void* guard);
[[gnu::weak]] void __real___cxa_guard_release(void* guard);
[[gnu::weak]] void __real___cxa_guard_abort(void* guard);

int __wrap___cxa_guard_acquire(void* guard) {
    const int mine = __real___cxa_guard_acquire(guard);
    if (mine != 0) begin_static();
    return mine;
}
void __wrap___cxa_guard_release(void* guard) {
    __real___cxa_guard_release(guard);
    end_static();
}
void __wrap___cxa_guard_abort(void* guard) {
    __real___cxa_guard_abort(guard);
    end_static();
}

}  // extern "C"

#ifndef XLATE_PLAIN_NEW

// The forms that are not here (arrays, nothrow) call these.
void* operator new(std::size_t size) {
    using namespace xlate::kernel;
    if (detail::active_bump != nullptr) {
        if (void* const memory = take(*detail::active_bump, size, kUnit)) return memory;
    }
    for (;;) {
        if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc();
        handler();
    }
}

void* operator new(std::size_t size, std::align_val_t alignment) {
    using namespace xlate::kernel;
    const auto wanted = std::max(static_cast<std::size_t>(alignment), kUnit);
    if (detail::active_bump != nullptr) {
        if (void* const memory = take(*detail::active_bump, size, wanted)) return memory;
    }
    for (;;) {
        if (void* const memory =
                std::aligned_alloc(wanted, (std::max(size, std::size_t{1}) + wanted - 1) / wanted * wanted)) {
            return memory;
        }
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc();
        handler();
    }
}

void operator delete(void* memory) noexcept {
    if (!xlate::kernel::in_any_region(memory)) std::free(memory);
}

void operator delete(void* memory, std::size_t size) noexcept {
    using namespace xlate::kernel;
    if (in_any_region(memory)) {
        give_back(memory, size);
    } else {
        std::free(memory);
    }
}

void operator delete(void* memory, std::align_val_t) noexcept { operator delete(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { operator delete(memory); }

#endif
