#include "kernel-model/core/fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/detail/fcontext.hpp>
#include <exception>
#include <new>
#include <utility>
#include <vector>

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
struct Fiber::Impl {
    void* memory;  // lowest address, guard page included
    std::size_t guard;
    Body body = nullptr;
    void* argument = nullptr;
    context::fcontext_t fiber = nullptr;  // where the body goes on
    context::fcontext_t host = nullptr;   // where resume() was called
    bool started = false;
    bool done = true;
    bool unwinding = false;
    std::exception_ptr failure;
    void* host_save = nullptr;
    void* fiber_save = nullptr;
    const void* host_bottom = nullptr;
    std::size_t host_size = 0;

    explicit Impl(std::size_t page) : guard(page) {
        memory = mmap(nullptr, StackPool::kStackBytes + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        mprotect(memory, page, PROT_NONE);
    }
    ~Impl() {
        forget_poison(bottom(), StackPool::kStackBytes);
        munmap(memory, StackPool::kStackBytes + guard);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    char* bottom() const { return static_cast<char*>(memory) + guard; }

    void start(Body to_run, void* its_argument) {
        body = to_run;
        argument = its_argument;
        forget_poison(bottom(), StackPool::kStackBytes);
        fiber = context::make_fcontext(bottom() + StackPool::kStackBytes, StackPool::kStackBytes, enter);
        started = done = unwinding = false;
    }

    static void enter(context::transfer_t from) {
        Impl& self = *static_cast<Impl*>(from.data);
        self.host = from.fctx;
        finish_switch(nullptr, &self.host_bottom, &self.host_size);
        try {
            self.body(self.argument);
        } catch (const Unwind&) {
        } catch (...) {
            self.failure = std::current_exception();
        }
        self.done = true;
        start_switch(nullptr, self.host_bottom, self.host_size);
        context::jump_fcontext(self.host, &self);
    }

    void resume() {
        started = true;
        start_switch(&host_save, bottom(), StackPool::kStackBytes);
        fiber = context::jump_fcontext(fiber, this).fctx;
        finish_switch(host_save, nullptr, nullptr);
    }

    void suspend() {
        start_switch(&fiber_save, host_bottom, host_size);
        host = context::jump_fcontext(host, this).fctx;
        finish_switch(fiber_save, &host_bottom, &host_size);
        if (unwinding) throw Unwind{};
    }
};

struct StackPool::Impl {
    std::vector<std::unique_ptr<Fiber::Impl>> all;
    std::vector<Fiber::Impl*> idle;
    std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

    Fiber::Impl& take() {
        if (idle.empty()) {
            const RegionPause outside;
            all.push_back(std::make_unique<Fiber::Impl>(page));
            idle.reserve(all.size());
            return *all.back();
        }
        Fiber::Impl& fiber = *idle.back();
        idle.pop_back();
        return fiber;
    }
};

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
        impl_.resume();
    }
    pool_.impl().idle.push_back(&impl_);
}

void Fiber::resume() {
    impl_.resume();
    if (impl_.failure) std::rethrow_exception(std::exchange(impl_.failure, nullptr));
}
void Fiber::suspend() { impl_.suspend(); }
void Fiber::drop() { impl_.done = true; }
bool Fiber::done() const { return impl_.done; }

}  // namespace xlate::kernel
