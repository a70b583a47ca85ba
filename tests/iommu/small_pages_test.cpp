// The pages of small families and the code say the same.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "iommu/dart/page.hpp"
#include "iommu/ipmmu/page.hpp"
#include "iommu/mediatek/m4u_v1_page.hpp"
#include "iommu/qcom/msm_page.hpp"
#include "iommu/qcom/page.hpp"
#include "iommu/simple/bcm2712_page.hpp"
#include "iommu/simple/sprd_page.hpp"
#include "iommu/simple/sun50i_page.hpp"
#include "iommu/simple/verisilicon_page.hpp"
#include "iommu/virtio/page.hpp"
#include "tests/places.hpp"

using namespace xlate;

TEST_CASE("pages: the pages of small families are what the code's tables say", "[iommu][docs]") {
    struct Page {
        const char* name;
        std::string (*make)();
    };
    const Page pages[] = {{"dart", iommu::dart::dart_page},
                          {"ipmmu", iommu::ipmmu::ipmmu_page},
                          {"msm-iommu", iommu::qcom::qcom_page},
                          {"sprd", iommu::sprd::sprd_page},
                          {"sun50i", iommu::sun50i::sun50i_page},
                          {"virtio-iommu", iommu::virtio::virtio_page},
                          {"mediatek-v1", iommu::mediatek_v1::m4u_v1_page},
                          {"msm-v0", iommu::msm::msm_page},
                          {"verisilicon", iommu::verisilicon::verisilicon_page},
                          {"bcm2712", iommu::bcm2712::bcm2712_page}};
    for (const Page& one : pages) {
        const std::string path = std::string(tests::source_dir()) + "/docs/" + one.name + ".md";
        const std::string page = one.make();
        if (const char* update = std::getenv("XLATE_UPDATE_DOCS"); update != nullptr && *update == '1') {
            std::ofstream(path, std::ios::binary) << page;
        }
        std::ifstream file(path, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        INFO(path << " is not up to date: run this test with XLATE_UPDATE_DOCS=1 and commit the page");
        const bool same = text.str() == page;
        CHECK(same);
    }
}
