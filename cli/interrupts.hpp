// What Ctrl-C, SIGTERM and a terminal that closes do to a command.
#pragma once

namespace xlate::cli {

/// `stop` is called once, inside the signal's handler, when the first of SIGINT, SIGTERM and SIGHUP comes; it may do
/// only what signal-safety(7) allows. One that comes half a second later or more ends the program at once. Sooner, it
/// is the same wish told twice: timeout(1) signals its child and then the child's group, and a closed terminal is told
/// of by the shell and by the kernel. SIGHUP stays ignored where it is (nohup).
void on_interrupt(void (*stop)());

}  // namespace xlate::cli
