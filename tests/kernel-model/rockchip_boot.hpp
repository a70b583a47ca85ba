// The former name of family_boot.hpp.
#pragma once

#include "tests/kernel-model/family_boot.hpp"
