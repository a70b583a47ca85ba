#include "kernel-model/core/fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/fiber.hpp>
#include <boost/context/stack_context.hpp>
#include <exception>
#include <new>
#include <utility>
#include <vector>

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

struct StackPool::Impl {
    std::vector<void*> all;  // lowest addresses, guard page included
    std::vector<void*> idle;
    std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

    void* take() {
        if (idle.empty()) {
            void* memory = mmap(nullptr, kStackBytes + page, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
            if (memory == MAP_FAILED) throw std::bad_alloc();
            mprotect(memory, page, PROT_NONE);
            all.push_back(memory);
            idle.push_back(memory);
        }
        void* memory = idle.back();
        idle.pop_back();
        return static_cast<char*>(memory) + page;
    }
    void give_back(void* bottom) {
        forget_poison(bottom, kStackBytes);
        idle.push_back(static_cast<char*>(bottom) - page);
    }
    ~Impl() {
        for (void* memory : all) munmap(memory, kStackBytes + page);
    }
};

StackPool::StackPool() : impl_(std::make_unique<Impl>()) {}
StackPool::~StackPool() = default;

namespace {

// Boost's interface to a stack that it does not own.
struct BorrowedStack {
    boost::context::stack_context allocate() { return {}; }
    void deallocate(boost::context::stack_context&) {}
};

}  // namespace

struct Fiber::Impl {
    StackPool::Impl& pool;
    void* bottom;
    std::function<void()> body;
    boost::context::fiber context;  // the side that does not run
    bool done = false;
    bool unwinding = false;
    std::exception_ptr failure;
    void* host_save = nullptr;
    void* fiber_save = nullptr;
    const void* host_bottom = nullptr;
    std::size_t host_size = 0;

    Impl(StackPool::Impl& from, std::function<void()> to_run)
        : pool(from), bottom(from.take()), body(std::move(to_run)) {
        boost::context::stack_context stack;
        stack.size = StackPool::kStackBytes;
        stack.sp = static_cast<char*>(bottom) + stack.size;
        context = boost::context::fiber(std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack),
                                        BorrowedStack{},
                                        [this](boost::context::fiber&& host) { return run(std::move(host)); });
    }

    boost::context::fiber run(boost::context::fiber&& host) {
        finish_switch(nullptr, &host_bottom, &host_size);
        context = std::move(host);
        try {
            if (!unwinding) body();
        } catch (const Unwind&) {
        } catch (...) {
            failure = std::current_exception();
        }
        done = true;
        start_switch(nullptr, host_bottom, host_size);
        return std::move(context);
    }

    void resume() {
        start_switch(&host_save, bottom, StackPool::kStackBytes);
        boost::context::fiber back = std::move(context).resume();
        finish_switch(host_save, nullptr, nullptr);
        if (!done) context = std::move(back);
    }

    void suspend() {
        start_switch(&fiber_save, host_bottom, host_size);
        boost::context::fiber back = std::move(context).resume();
        finish_switch(fiber_save, &host_bottom, &host_size);
        context = std::move(back);
        if (unwinding) throw Unwind{};
    }
};

Fiber::Fiber(StackPool& stacks, std::function<void()> body)
    : impl_(std::make_unique<Impl>(stacks.impl(), std::move(body))) {}

Fiber::~Fiber() {
    if (!impl_->done) {
        impl_->unwinding = true;
        impl_->resume();
    }
    impl_->pool.give_back(impl_->bottom);
}

void Fiber::resume() {
    impl_->resume();
    if (impl_->failure) std::rethrow_exception(std::exchange(impl_->failure, nullptr));
}
void Fiber::suspend() { impl_->suspend(); }
bool Fiber::done() const { return impl_->done; }

}  // namespace xlate::kernel
