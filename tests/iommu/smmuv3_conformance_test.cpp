// docs/smmuv3.md and the code say the same.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "iommu/smmuv3/conformance.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::iommu::smmuv3;

namespace {

void check_fields(const FieldSupport* rows, std::size_t count) {
    std::uint64_t used[8] = {};
    for (std::size_t i = 0; i < count; ++i) {
        CAPTURE(std::string(rows[i].name));
        CHECK((used[rows[i].field.word] & rows[i].field.bits().mask()) == 0);
        used[rows[i].field.word] |= rows[i].field.bits().mask();
        if (rows[i].support != Support::functional) CHECK_FALSE(rows[i].note.empty());
    }
}

}  // namespace

TEST_CASE("smmuv3 conformance: docs/smmuv3.md is what the code's tables say", "[iommu][smmuv3]") {
    const std::string path = std::string(tests::source_dir()) + "/docs/smmuv3.md";
    const std::string page = smmuv3_conformance_page();
    if (const char* update = std::getenv("XLATE_UPDATE_DOCS"); update != nullptr && *update == '1') {
        std::ofstream(path, std::ios::binary) << page;
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    INFO("docs/smmuv3.md is not up to date: run this test with XLATE_UPDATE_DOCS=1 and commit the page");
    const bool same = text.str() == page;
    CHECK(same);
}

TEST_CASE("smmuv3 conformance: fields of STE and CD do not overlap, and gaps give a reason", "[iommu][smmuv3]") {
    std::size_t count = 0;
    const FieldSupport* rows = ste_field_support(count);
    CHECK(count == 47);
    check_fields(rows, count);
    rows = cd_field_support(count);
    CHECK(count == 42);
    check_fields(rows, count);
    for (const RegSpec& row : kRegisters) {
        CAPTURE(std::string(row.name));
        if (register_support(row).support != Support::functional) CHECK_FALSE(register_support(row).note.empty());
    }
}
