#include <systemc>

/// The SystemC library wants one; ours is never called, since our own main() drives the simulation. In a file of its
/// own: a program that has one does not get this.
int sc_main(int, char*[]) { return 0; }
