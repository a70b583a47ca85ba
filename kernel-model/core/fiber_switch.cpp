#include "kernel-model/core/fiber_switch.hpp"

// Not with shadow stacks, which check what this pretends. (Boost.Context 1.74 does without them, too.)
#if defined(__x86_64__) && !defined(__ILP32__) && !(defined(__CET__) && (__CET__ & 2) != 0)

// Whoever arrives stands behind the call in the way in which the processor predicts it for whoever left: a return to
// that very place is predicted, and leaves its stack as it has to be. rbx: 0 until then. The results are in rax and
// rdx.
asm(R"(
    .text
    .p2align 4
    .globl xlate_switch_fiber
    .type xlate_switch_fiber, @function
xlate_switch_fiber:
    .cfi_startproc
    push %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    xor %ebx, %ebx
    call jump_fcontext@PLT
0:
    test %ebx, %ebx
    jnz 1f
    inc %ebx
    lea 0b(%rip), %rcx
    push %rcx
    ret
1:
    pop %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    ret
    .cfi_endproc
    .size xlate_switch_fiber, . - xlate_switch_fiber
)");

#else

extern "C" boost::context::detail::transfer_t xlate_switch_fiber(boost::context::detail::fcontext_t to, void* data) {
    return boost::context::detail::jump_fcontext(to, data);
}

#endif
