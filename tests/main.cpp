#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdlib>

/// SystemC's library defines main(); ours comes first at link time and calls Catch2 alone.
int main(int argc, char* argv[]) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    return Catch::Session().run(argc, argv);
}
