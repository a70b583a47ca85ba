// The jump from one fiber into another, for the host's branch prediction.
#pragma once

#include <boost/context/detail/fcontext.hpp>

/// Boost.Context's jump_fcontext, for jumps between fibers that all leave by this call. Processors predict where a
/// function returns to by a stack of their own; jump_fcontext takes one address off the real stack only, and from then
/// on every return is predicted one off, up to the modelled function. On x86-64 this takes it off the other one too.
extern "C" boost::context::detail::transfer_t xlate_switch_fiber(boost::context::detail::fcontext_t to, void* data);
