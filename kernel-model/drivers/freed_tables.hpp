// Parts of a domain that end with it and are no objects of the kernel heap: its page tables, its context descriptors.
// Code that goes on with a domain while another task frees it follows a freed pointer; here that is an Oops, as it is
// where a heap object is followed.
#pragma once

#include <memory>

namespace xlate::kernel {

class Kernel;

/// The Oops "use of `what`", at the last point of the running task.
[[noreturn]] void followed_freed_tables(Kernel& kernel, const char* what);

/// What `part` owns; an Oops if it is gone.
template <typename T>
T& live(Kernel& kernel, const std::unique_ptr<T>& part, const char* what) {
    if (!part) followed_freed_tables(kernel, what);
    return *part;
}

}  // namespace xlate::kernel
