// Memory of one run, given back whole: while a region is active on a host thread, operator new takes from it, without
// a look at what is free. What was made in it needs no destructor, and a copy of its used part is a copy of a world.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace xlate::kernel {

namespace detail {

/// Where the active region's free part begins and ends. Read by operator new: __thread, as thread_local of another file
/// is asked each time whether it was initialised.
struct Bump {
    std::byte* top = nullptr;
    std::byte* end = nullptr;
};
extern __thread Bump* active_bump;

}  // namespace detail

/// One piece of address space, from a process-wide supply; its pages come when they are touched.
/// Bounds: kBytes; what a run takes beyond that comes from malloc (and is lost if the run does not free it).
/// A local static that is made while a region is active lies outside.
/// Not available under AddressSanitizer (which would no longer see what it is there for), nor where the address space
/// is limited.
class Region {
public:
    static constexpr std::size_t kBytes = std::size_t{64} << 20;

    /// Null if there is none to be had.
    static std::unique_ptr<Region> make();
    ~Region();
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;

    /// Forgets what is in it.
    void reset() { bump_.top = begin_; }
    std::size_t used() const { return static_cast<std::size_t>(bump_.top - begin_); }
    /// Fills what is not used: a pointer to a run that is over then shows.
    void poison();
    /// Its memory is never used again: somebody may still look into it (an exception on its way).
    void retire() { retired_ = true; }

    /// Keeps a copy of the used part, and goes back to it. Pointers within it and out of it stay valid.
    void save();
    bool saved() const { return !copy_.empty(); }
    void restore();

private:
    friend class RegionScope;
    explicit Region(std::byte* begin);
    std::byte* begin_;
    detail::Bump bump_;
    std::vector<std::byte> copy_;
    bool retired_ = false;
};

/// Active from here to the end of the block, on this thread. Scopes nest.
class RegionScope {
public:
    explicit RegionScope(Region& region) : outer_(detail::active_bump) { detail::active_bump = &region.bump_; }
    ~RegionScope() { detail::active_bump = outer_; }
    RegionScope(const RegionScope&) = delete;
    RegionScope& operator=(const RegionScope&) = delete;

private:
    detail::Bump* outer_;
};

/// What is allocated from here to the end of the block outlives the run.
class RegionPause {
public:
    RegionPause() : outer_(detail::active_bump) { detail::active_bump = nullptr; }
    ~RegionPause() { detail::active_bump = outer_; }
    RegionPause(const RegionPause&) = delete;
    RegionPause& operator=(const RegionPause&) = delete;

private:
    detail::Bump* outer_;
};

/// A region is active on this thread.
inline bool in_region() { return detail::active_bump != nullptr; }

}  // namespace xlate::kernel
