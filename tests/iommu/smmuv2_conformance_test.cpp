// docs/smmuv2.md and the code say the same.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "iommu/smmuv2/conformance.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::iommu::smmuv2;

TEST_CASE("smmuv2 conformance: docs/smmuv2.md is what the code's tables say", "[iommu][smmuv2]") {
    const std::string path = std::string(tests::source_dir()) + "/docs/smmuv2.md";
    const std::string page = smmuv2_conformance_page();
    if (const char* update = std::getenv("XLATE_UPDATE_DOCS"); update != nullptr && *update == '1') {
        std::ofstream(path, std::ios::binary) << page;
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    INFO("docs/smmuv2.md is not up to date: run this test with XLATE_UPDATE_DOCS=1 and commit the page");
    const bool same = text.str() == page;
    CHECK(same);
}

TEST_CASE("smmuv2 conformance: fields of a register do not overlap, and gaps give a reason", "[iommu][smmuv2]") {
    std::size_t count = 0;
    const FieldSupport* rows = field_support(count);
    std::map<std::string, std::uint64_t> used;
    for (std::size_t i = 0; i < count; ++i) {
        CAPTURE(std::string(rows[i].reg), std::string(rows[i].name));
        std::uint64_t& bits = used[std::string(rows[i].reg)];
        CHECK((bits & rows[i].field.mask()) == 0);
        bits |= rows[i].field.mask();
        if (rows[i].what.support != Support::functional) CHECK_FALSE(rows[i].what.note.empty());
    }
    for (const RegSpec& row : kGlobalRegisters) {
        CAPTURE(std::string(row.name));
        if (global_support(row).support != Support::functional) CHECK_FALSE(global_support(row).note.empty());
    }
    for (const RegSpec& row : kBankRegisters) {
        CAPTURE(std::string(row.name));
        if (bank_support(row).support != Support::functional) CHECK_FALSE(bank_support(row).note.empty());
    }
}
