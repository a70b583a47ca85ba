#include "tests/places.hpp"

namespace xlate::tests {

const char* source_dir() { return XLATE_SOURCE_DIR; }
const char* binary_dir() { return XLATE_BINARY_DIR; }

}  // namespace xlate::tests
