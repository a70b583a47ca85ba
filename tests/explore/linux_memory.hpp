// Small programs of loads, stores and barriers, and what Linux's memory model says of them: all executions are
// enumerated, and those kept that satisfy its axioms. Written from tools/memory-model (linux-kernel.cat and
// explanation.txt), in nothing from the machine that is tested against it.
//   of the model   coherence of each variable, happens-before, propagates-before; marked accesses, smp_wmb, smp_rmb,
//                  smp_mb, control dependencies, locks
//   absent         RCU, other read-modify-write operations, plain accesses: no program here has them
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace xlate::explore::tests {

enum class LitmusOp : std::uint8_t {
    store,
    load,
    wmb,   ///< smp_wmb()
    rmb,   ///< smp_rmb()
    mb,    ///< smp_mb()
    ctrl,  ///< a branch on all that was loaded: later stores depend on it
    lock,  ///< spin_lock(); each is followed by its unlock
    unlock,
};

struct LitmusInstruction {
    LitmusOp op = LitmusOp::mb;
    char variable = 0;   ///< 'x'..'z'; of a lock 'l', 'm'
    unsigned value = 0;  ///< store: not 0, and of its variable no other has it
    std::string reg;     ///< load: unique in the program
};
using LitmusTask = std::vector<LitmusInstruction>;
using LitmusProgram = std::vector<LitmusTask>;
using LitmusValues = std::vector<std::pair<std::string, unsigned>>;

/// "x=1 y=0 r0=1": the variables' last values, then the registers; each by name.
std::string litmus_outcome(const LitmusValues& variables, const LitmusValues& registers);
/// The variables of a program, sorted; its locks.
std::string litmus_variables(const LitmusProgram& program);
std::string litmus_locks(const LitmusProgram& program);
/// All outcomes that Linux's memory model allows.
std::set<std::string> linux_outcomes(const LitmusProgram& program);
/// "W x 1; wmb; W y 1 || L l; R r0 y; U l; R r1 x", and back.
std::string litmus_text(const LitmusProgram& program);
LitmusProgram litmus_program(const std::string& text);

}  // namespace xlate::explore::tests
