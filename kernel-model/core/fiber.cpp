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

namespace {

// Boost's interface to a stack that it does not own.
struct BorrowedStack {
    boost::context::stack_context allocate() { return {}; }
    void deallocate(boost::context::stack_context&) {}
};

}  // namespace

// A stack with a loop on it that runs one body after the other: making a fiber is handing a body over.
struct Fiber::Impl {
    void* memory;  // lowest address, guard page included
    std::size_t guard;
    std::function<void()> body;
    boost::context::fiber context;  // the side that does not run
    bool done = true;
    bool unwinding = false;
    bool retired = false;
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
        boost::context::stack_context stack;
        stack.size = StackPool::kStackBytes;
        stack.sp = static_cast<char*>(bottom()) + stack.size;
        context = boost::context::fiber(std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack),
                                        BorrowedStack{},
                                        [this](boost::context::fiber&& host) { return run(std::move(host)); });
    }
    ~Impl() {
        retired = true;
        resume();
        forget_poison(bottom(), StackPool::kStackBytes);
        munmap(memory, StackPool::kStackBytes + guard);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void* bottom() const { return static_cast<char*>(memory) + guard; }

    void start(std::function<void()> to_run) {
        body = std::move(to_run);
        done = unwinding = false;
        failure = nullptr;
    }

    boost::context::fiber run(boost::context::fiber&& host) {
        finish_switch(nullptr, &host_bottom, &host_size);
        context = std::move(host);
        while (!retired) {
            try {
                if (!unwinding) body();
            } catch (const Unwind&) {
            } catch (...) {
                failure = std::current_exception();
            }
            body = nullptr;
            done = true;
            to_host();
        }
        start_switch(nullptr, host_bottom, host_size);
        return std::move(context);
    }

    void resume() {
        start_switch(&host_save, bottom(), StackPool::kStackBytes);
        boost::context::fiber back = std::move(context).resume();
        finish_switch(host_save, nullptr, nullptr);
        if (!retired) context = std::move(back);
    }

    void to_host() {
        start_switch(&fiber_save, host_bottom, host_size);
        boost::context::fiber back = std::move(context).resume();
        finish_switch(fiber_save, &host_bottom, &host_size);
        context = std::move(back);
    }

    void suspend() {
        to_host();
        if (unwinding) throw Unwind{};
    }
};

struct StackPool::Impl {
    std::vector<std::unique_ptr<Fiber::Impl>> all;
    std::vector<Fiber::Impl*> idle;
    std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

    Fiber::Impl& take() {
        if (idle.empty()) {
            all.push_back(std::make_unique<Fiber::Impl>(page));
            return *all.back();
        }
        Fiber::Impl& fiber = *idle.back();
        idle.pop_back();
        return fiber;
    }
};

StackPool::StackPool() : impl_(std::make_unique<Impl>()) {}
StackPool::~StackPool() = default;

Fiber::Fiber(StackPool& stacks, std::function<void()> body) : pool_(stacks), impl_(stacks.impl().take()) {
    impl_.start(std::move(body));
}

Fiber::~Fiber() {
    if (!impl_.done) {
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
bool Fiber::done() const { return impl_.done; }

}  // namespace xlate::kernel
