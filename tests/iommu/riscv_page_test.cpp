// docs/riscv.md and the code say the same.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "iommu/riscv/riscv_page.hpp"
#include "tests/places.hpp"

using namespace xlate;

TEST_CASE("riscv: docs/riscv.md is what the code's tables say", "[iommu][riscv]") {
    const std::string path = std::string(tests::source_dir()) + "/docs/riscv.md";
    const std::string page = iommu::riscv::riscv_page();
    if (const char* update = std::getenv("XLATE_UPDATE_DOCS"); update != nullptr && *update == '1') {
        std::ofstream(path, std::ios::binary) << page;
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    INFO("docs/riscv.md is not up to date: run this test with XLATE_UPDATE_DOCS=1 and commit the page");
    const bool same = text.str() == page;
    CHECK(same);
}
