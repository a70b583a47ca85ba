#include "kernel-model/core/point.hpp"

namespace xlate::kernel {

const char* name(PointKind kind) {
    switch (kind) {
        case PointKind::start:
            return "start";
        case PointKind::lock:
            return "lock";
        case PointKind::lock_shared:
            return "lock_shared";
        case PointKind::unlock:
            return "unlock";
        case PointKind::read:
            return "read";
        case PointKind::write:
            return "write";
        case PointKind::update:
            return "update";
        case PointKind::alloc:
            return "alloc";
        case PointKind::free:
            return "free";
        case PointKind::wait:
            return "wait";
        case PointKind::wake:
            return "wake";
        case PointKind::mmio:
            return "mmio";
        case PointKind::memory:
            return "memory";
        case PointKind::pass:
            return "pass";
        case PointKind::end:
            return "end";
    }
    return "?";
}

}  // namespace xlate::kernel
