// Where the repository and its build stand. One object file alone is compiled with the paths: every other one is the
// same in each checkout, so that a compiler cache serves them all.
#pragma once

namespace xlate::tests {

const char* source_dir();  ///< the repository's root
const char* binary_dir();  ///< the build's root: the command `xlate`, and `boards/`

}  // namespace xlate::tests
