// The tracked heap: freed objects stay in quarantine to the end of the run, so that every misuse is caught where
// it happens and never harms the simulator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernel-model/core/point.hpp"
#include "kernel-model/core/task.hpp"

namespace xlate::kernel {

class Heap;
class HeapObject;
class Kernel;
class SharedBase;
struct Report;

/// Told about each pointer that an object holds: what it points to is not leaked.
class PointerVisitor {
public:
    virtual ~PointerVisitor() = default;
    virtual void visit(const HeapObject* object) = 0;
};

/// Base of every object that kernel code shares. Made by Heap::make (dynamic, can be freed and leaked) or as a
/// plain member/variable (static: never freed, a root of the leak check).
class HeapObject {
public:
    HeapObject(Kernel& kernel, const char* type_name);
    virtual ~HeapObject();
    HeapObject(const HeapObject&) = delete;
    HeapObject& operator=(const HeapObject&) = delete;

    Kernel& kernel() const { return *kernel_; }
    const char* type_name() const { return type_name_; }
    bool freed() const { return freed_; }
    Resource resource() const { return resource_; }
    /// "dev_iommu#3": type and number in order of creation in this run.
    std::string object_name() const;

    /// Override if the object holds pointers outside of Shared<Ptr<T>> fields (those are visited anyway).
    virtual void visit_pointers(PointerVisitor&) const {}

private:
    friend class Heap;
    friend class SharedBase;
    Kernel* kernel_;
    const char* type_name_;
    Resource resource_;
    std::uint32_t number_ = 0;
    bool freed_ = false;
    bool dynamic_ = false;
    bool immortal_ = false;
    mutable bool marked_ = false;
    unsigned fields_ = 0;
    SharedBase* first_pointer_ = nullptr;  ///< of its fields, for the leak check
    const Task* allocated_by_ = nullptr;
    const CallNode* allocated_at_ = nullptr;
    const char* allocated_step_ = "";
    const Task* freed_by_ = nullptr;
    const CallNode* freed_at_ = nullptr;
    const char* freed_step_ = "";
};

/// Raises an Oops if `object` is null or freed; else notes the look for the explorer. `step` may be null (then the
/// task's last point names it).
inline void check_pointer(const HeapObject* object, const char* step);  // kernel.hpp
/// The Oops. `object`: null, or freed.
[[noreturn]] void followed_bad_pointer(const HeapObject* object, const char* step);

/// A kernel pointer: nullable, trivially copyable, checked when it is followed.
template <class T>
class Ptr {
public:
    constexpr Ptr() = default;
    constexpr Ptr(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)
    constexpr explicit Ptr(T* object) : object_(object) {}
    template <class U, class = std::enable_if_t<std::is_convertible_v<U*, T*>>>
    constexpr Ptr(Ptr<U> other) : object_(other.get()) {}  // NOLINT(google-explicit-constructor)

    T* operator->() const { return deref(nullptr); }
    T& operator*() const { return *deref(nullptr); }
    /// As operator->, with the step for the report.
    T* deref(const char* step) const {
        check_pointer(object_, step);
        return object_;
    }
    constexpr T* get() const { return object_; }  ///< unchecked
    constexpr explicit operator bool() const { return object_ != nullptr; }
    friend constexpr bool operator==(Ptr a, Ptr b) { return a.object_ == b.object_; }
    friend constexpr bool operator!=(Ptr a, Ptr b) { return a.object_ != b.object_; }

private:
    T* object_ = nullptr;
};

/// Null if the object is of another type.
template <class T, class U>
Ptr<T> ptr_cast(Ptr<U> pointer) {
    return Ptr<T>(dynamic_cast<T*>(pointer.get()));
}

/// Memory for one run, given back whole. Keeps its blocks for the next run.
class Arena {
public:
    Arena();
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    void* take(std::size_t size, std::size_t alignment);
    void reset();

private:
    std::vector<std::unique_ptr<std::byte[]>> blocks_;
    std::vector<std::unique_ptr<std::byte[]>> large_;
    std::size_t block_ = 0;
    std::size_t used_ = 0;
};

/// Owned by Kernel.
class Heap {
public:
    Heap(Kernel& kernel, Arena& arena);
    ~Heap() { destroy_all(); }
    Heap(const Heap&) = delete;
    Heap& operator=(const Heap&) = delete;

    /// A new T(kernel, args...), T derived from HeapObject; null if a failure is injected here. A point (alloc),
    /// costs CostTable::kmalloc. `step` names it.
    template <class T, class... A>
    Ptr<T> make(const char* step, A&&... args) {
        if (!allocation_point(step)) return {};
        T* object = new (arena_.take(sizeof(T), alignof(T))) T(kernel_, std::forward<A>(args)...);
        adopt(object, step);
        return Ptr<T>(object);
    }
    /// kfree: null is fine; freed already: double-free Oops. A point (free), costs CostTable::kfree.
    template <class T>
    void release(Ptr<T> object, const char* step) {
        if (object.get() != nullptr) free_object(object.get(), step);
    }

    /// Objects that are in use for a reason the leak check cannot see (held by hardware or the host).
    void set_immortal(const HeapObject& object) { const_cast<HeapObject&>(object).immortal_ = true; }

    /// Called at each allocation, if set: true makes it fail. `count`: allocations so far.
    std::function<bool(const char* step, std::uint64_t count)> inject_failure;

    /// Reports every dynamic object that is neither freed nor reachable from a static one. Call when all is quiet.
    /// Does nothing if a task crashed or hangs: what it held is no leak.
    void check_leaks();
    /// Dynamic objects in use, of one type or (null) of all.
    std::size_t live(const char* type_name = nullptr) const;
    /// Fills in who allocated and who freed it.
    void describe(const HeapObject& object, Report& report) const;
    /// Ends every dynamic object's life. For ~Kernel.
    void destroy_all();
    const std::vector<HeapObject*>& objects() const { return objects_; }

private:
    friend class HeapObject;
    bool allocation_point(const char* step);
    void adopt(HeapObject* object, const char* step);
    void free_object(HeapObject* object, const char* step);

    Kernel& kernel_;
    Arena& arena_;
    std::vector<HeapObject*> objects_;        ///< dynamic, in order of creation
    std::vector<const HeapObject*> statics_;  ///< made outside
    std::uint64_t allocations_ = 0;
    std::uint32_t numbers_ = 0;
};

}  // namespace xlate::kernel
