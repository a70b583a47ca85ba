#include "kernel-model/core/fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/detail/fcontext.hpp>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "kernel-model/core/fiber_switch.hpp"
#include "kernel-model/core/region.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define XLATE_FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define XLATE_FIBER_ASAN 1
#endif
#endif
#ifdef XLATE_FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace xlate::kernel {

namespace {

namespace context = boost::context::detail;

// Thrown inside a fiber that is destroyed before its end. Not derived from std::exception: nobody catches it by
// accident.
struct Unwind {};

constexpr std::size_t kStagger = 13 * 64;  // bytes: odd in cache lines

// One end of a switch: who leaves tells the other whom it enters and where its own context is to be kept.
struct Place {
    context::fcontext_t context = nullptr;
    Place* entered = nullptr;
    void* save = nullptr;  // AddressSanitizer's
    const void* bottom = nullptr;
    std::size_t size = 0;
};

#ifdef XLATE_FIBER_ASAN
void start_switch(void** save, const void* bottom, std::size_t size) {
    __sanitizer_start_switch_fiber(save, bottom, size);
}
void finish_switch(void* save, const void** bottom, std::size_t* size) {
    __sanitizer_finish_switch_fiber(save, bottom, size);
}
void forget_poison(void* bottom, std::size_t size) { __asan_unpoison_memory_region(bottom, size); }
#else
void start_switch(void**, const void*, std::size_t) {}
void finish_switch(void*, const void**, std::size_t*) {}
void forget_poison(void*, std::size_t) {}
#endif

}  // namespace

// A stack, and what runs on it. The context on it is made anew for each body: nothing of an earlier one is needed.
struct Fiber::Impl : Place {
    StackPool::Impl& pool;
    void* memory;  // lowest address, guard page included
    std::size_t guard;
    std::size_t unused;  // at the top: stacks that begin at the same place of a page push each other out of the cache
    Body body = nullptr;
    void* argument = nullptr;
    bool started = false;
    bool done = true;
    bool unwinding = false;

    Impl(StackPool::Impl& of_pool, std::size_t page, std::size_t number)
        : pool(of_pool), guard(page), unused(number * kStagger % page) {
        memory = mmap(nullptr, StackPool::kStackBytes + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        mprotect(memory, page, PROT_NONE);
        bottom = static_cast<char*>(memory) + guard;
        size = StackPool::kStackBytes;
    }
    ~Impl() {
        forget_poison(stack(), size);
        munmap(memory, size + guard);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    char* stack() const { return static_cast<char*>(memory) + guard; }

    void start(Body to_run, void* its_argument) {
        body = to_run;
        argument = its_argument;
        forget_poison(stack(), size);
        context = context::make_fcontext(stack() + size - unused, size - unused, enter);
        started = done = unwinding = false;
    }
    static void enter(context::transfer_t from);
    void suspend();
};

struct StackPool::Impl {
    std::vector<std::unique_ptr<Fiber::Impl>> all;
    std::vector<Fiber::Impl*> idle;
    std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    Place host;  // who called resume() last
    std::exception_ptr failure;

    Fiber::Impl& take() {
        if (idle.empty()) {
            const RegionPause outside;
            all.push_back(std::make_unique<Fiber::Impl>(*this, page, all.size()));
            idle.reserve(all.size());
            return *all.back();
        }
        Fiber::Impl& fiber = *idle.back();
        idle.pop_back();
        return fiber;
    }
};

namespace {

/// On the side that is entered: keeps the context of the one that was left.
void arrived(context::transfer_t from, void* save) {
    Place& left = *static_cast<Place*>(from.data);
    left.context = from.fctx;
    finish_switch(save, &left.bottom, &left.size);
}

/// Returns when somebody comes back.
void jump(Place& from, Place& to) {
    start_switch(&from.save, to.bottom, to.size);
    arrived(context::jump_fcontext(to.context, &from), from.save);
}

}  // namespace

void Fiber::Impl::enter(context::transfer_t from) {
    Impl& self = *static_cast<Impl*>(static_cast<Place*>(from.data)->entered);
    arrived(from, nullptr);
    try {
        self.body(self.argument);
    } catch (const Unwind&) {
    } catch (...) {
        self.pool.failure = std::current_exception();
    }
    self.done = true;
    start_switch(nullptr, self.pool.host.bottom, self.pool.host.size);
    context::jump_fcontext(self.pool.host.context, static_cast<Place*>(&self));
}

void Fiber::Impl::suspend() {
    jump(*this, pool.host);
    if (unwinding) throw Unwind{};
}

StackPool::StackPool() : impl_(std::make_unique<Impl>()) {}
StackPool::~StackPool() = default;

void StackPool::drop_all() {
    impl_->idle.clear();
    for (const auto& fiber : impl_->all) {
        fiber->done = true;
        impl_->idle.push_back(fiber.get());
    }
}

Fiber::Fiber(StackPool& stacks, Body body, void* argument) : pool_(stacks), impl_(stacks.impl().take()) {
    impl_.start(body, argument);
}

Fiber::~Fiber() {
    if (!impl_.done && impl_.started) {
        impl_.unwinding = true;
        resume();
    }
    pool_.impl().idle.push_back(&impl_);
}

void Fiber::resume() {
    StackPool::Impl& pool = impl_.pool;
    impl_.started = true;
    pool.host.entered = &impl_;
    jump(pool.host, impl_);
    if (pool.failure) std::rethrow_exception(std::exchange(pool.failure, nullptr));
}

void Fiber::suspend() { impl_.suspend(); }

void Fiber::switch_to(Fiber& other) {
    other.impl_.started = true;
    impl_.entered = &other.impl_;
    start_switch(&impl_.save, other.impl_.bottom, other.impl_.size);
    arrived(xlate_switch_fiber(other.impl_.context, static_cast<Place*>(&impl_)), impl_.save);
    if (impl_.unwinding) throw Unwind{};
}

void Fiber::drop() { impl_.done = true; }
bool Fiber::done() const { return impl_.done; }

}  // namespace xlate::kernel
