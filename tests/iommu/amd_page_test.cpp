// docs/amd-vi.md and the code say the same.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "iommu/amd/amd_page.hpp"
#include "iommu/amd/iommu.hpp"
#include "tests/places.hpp"

using namespace xlate;

TEST_CASE("amd: docs/amd-vi.md is what the code's tables say", "[iommu][amd]") {
    const std::string path = std::string(tests::source_dir()) + "/docs/amd-vi.md";
    const std::string page = iommu::amd::amd_page();
    if (const char* update = std::getenv("XLATE_UPDATE_DOCS"); update != nullptr && *update == '1') {
        std::ofstream(path, std::ios::binary) << page;
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    INFO("docs/amd-vi.md is not up to date: run this test with XLATE_UPDATE_DOCS=1 and commit the page");
    const bool same = text.str() == page;
    CHECK(same);
    // A row for each register, by name.
    for (const RegSpec& row : iommu::amd::register_rows()) {
        CHECK(page.find("| " + std::string(row.name) + " |") != std::string::npos);
    }
}
