#include "base/digest.hpp"

#include <fmt/format.h>

namespace xlate {

std::string Digest::text() const { return fmt::format("{:016x}", hash_); }

}  // namespace xlate
