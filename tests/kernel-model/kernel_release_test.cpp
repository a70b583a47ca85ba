// Which variant stands for a release that has none of its own. Facts: docs/spec/kernel-probe.md sections 0 and 6.3.
#include "kernel-model/iommu-core/kernel_release.hpp"

#include <utility>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "kernel-model/iommu-core/variant.hpp"

using namespace xlate;
using namespace xlate::kernel;

TEST_CASE("kernel release: the one-lock fix came with 6.6.5 and 6.7", "[kernel][variant]") {
    struct Row {
        const char* release;
        const char* variant;
        bool own;
    };
    for (const Row& row :
         {Row{"6.1", "linux-6.1", true}, Row{"6.2", "base", false}, Row{"6.6", "base", false},
          Row{"6.6.4", "base", false}, Row{"6.6.5", "murphy-6.7", false}, Row{"6.6.120", "murphy-6.7", false},
          Row{"6.7", "murphy-6.7", false}, Row{"6.7.12", "murphy-6.7", false}, Row{"6.8", "mainline-6.8", true},
          Row{"6.10.3", "mainline-6.8", false}, Row{"6.11", "mainline-6.11", true}, Row{"6.14.3", "linux-6.12", false},
          Row{"6.12.76", "linux-6.12.75", true}, Row{"6.15", "mainline-6.15", true},
          Row{"6.15.4", "mainline-6.15.1", true}, Row{"6.18.20", "linux-6.18+acs_in_dma_configure", true},
          Row{"7.9", "linux-7.3", false}, Row{"5.10", "linux-6.1", false}}) {
        INFO(row.release);
        const auto release = release_of_name(row.release);
        REQUIRE(release);
        const ReleaseVariant chosen = variant_of_release(*release);
        CHECK(chosen.variant == row.variant);
        CHECK(chosen.why.empty() == row.own);
        find_variant(chosen.variant);  // there is one of that name
    }
    CHECK(variant_of_release({6, 6, 5}).why == "its one-lock fix is in 6.6.5 and in 6.7");
}

TEST_CASE("kernel release: a variant that is a release is answered by what stands for it", "[kernel][variant]") {
    for (const auto& [name, nearest] : {std::pair("6.6.5", "murphy-6.7"), std::pair("linux-6.6", "base"),
                                        std::pair("v6.10", "mainline-6.8"), std::pair("linux-7.4", "linux-7.3")}) {
        INFO(name);
        try {
            find_variant(name);
            FAIL("taken");
        } catch (const InputError& error) {
            CHECK(error.findings().front().nearest == nearest);
        }
    }
    for (const char* const none : {"", "base", "6.", "6..1", "v", "6.1.2.3", "linux-6.x"}) {
        INFO(none);
        CHECK_FALSE(release_of_name(none));
    }
}
