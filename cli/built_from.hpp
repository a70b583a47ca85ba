// Which commit a program was built from. No result knows it: those name the model's sources (model_version.hpp).
#pragma once

namespace xlate::cli {

/// "commit 0123456789ab", with "-dirty" behind it if tracked files differ from it; empty without Git
/// (cmake/built_from.cmake).
const char* built_from();

}  // namespace xlate::cli
