// libFuzzer's entry: the target is the one that XLATE_FUZZ_TARGET names. Built with -DXLATE_FUZZ=ON (scripts/fuzz).
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tests/fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const xlate::tests::FuzzTarget* const kTarget = [] {
        const char* const name = std::getenv("XLATE_FUZZ_TARGET");
        for (const xlate::tests::FuzzTarget& one : xlate::tests::fuzz_targets()) {
            if (name != nullptr && one.name == name) return &one;
        }
        std::abort();
    }();
    kTarget->run(std::string(reinterpret_cast<const char*>(data), size));
    return 0;
}
