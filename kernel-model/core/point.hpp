// A named point: the only places where kernel code may give way to another task.
#pragma once

#include <cstdint>

namespace xlate::kernel {

/// What a task is about to do when it reaches a point.
enum class PointKind : std::uint8_t {
    start,        ///< of a task
    lock,         ///< exclusive; the task goes on once the lock is its own
    lock_shared,  ///< read side of a rwsem
    unlock,       ///< either side
    read,         ///< of shared state
    write,        ///< of shared state
    update,       ///< atomic read-modify-write (reference counts, list operations under an internal lock)
    alloc,        ///< may fail when a failure is injected
    free,         ///< of an object: conflicts with every access to any of its fields
    wait,         ///< for a wait queue, completion, work queue or the end of a task
    wake,         ///< of the same
    mmio,         ///< device register access; resource is its address' page
    memory,       ///< CPU access to simulated memory
    pass,         ///< time passes
    end,          ///< of a task
};

/// The kind as a member of a set.
constexpr std::uint32_t point_bit(PointKind kind) { return std::uint32_t{1} << static_cast<unsigned>(kind); }

/// Identity of a shared location, lock or object. Bits 63..6 name the object, bits 5..0 the field within it
/// (0: the object as a whole). The object part is made of the creating task and that task's own count, so that
/// it does not depend on what unrelated tasks did before.
using Resource = std::uint64_t;
inline constexpr unsigned kFieldBits = 6;
constexpr Resource object_of(Resource resource) { return resource >> kFieldBits; }

/// One point. `step`: the step name of docs/spec/kernel-probe.md ("OIX1"); `what`: "dev->iommu",
/// "iommu_probe_device_lock". Both are string literals, or live as long as the Kernel.
struct Point {
    PointKind kind = PointKind::start;
    const char* step = "";
    Resource resource = 0;
    const char* what = "";
};

constexpr bool is_write(PointKind kind) {
    return kind != PointKind::read && kind != PointKind::lock_shared && kind != PointKind::start &&
           kind != PointKind::end && kind != PointKind::pass && kind != PointKind::alloc;
}

/// True if two points of different tasks do not commute.
constexpr bool conflict(PointKind a, Resource ra, PointKind b, Resource rb) {
    if (ra == 0 || rb == 0) return false;
    if (ra == rb) return is_write(a) || is_write(b);
    return object_of(ra) == object_of(rb) && (a == PointKind::free || b == PointKind::free);
}

/// "lock", "read", ...
const char* name(PointKind kind);

}  // namespace xlate::kernel
