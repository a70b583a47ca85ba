// From a board and a QEMU command alone: `init` makes the config, a run boots it over our hardware, and what the kernel
// did there is what the real kernel did (recorded_boot.hpp says what is compared): every case of linux-boot-families,
// and of linux-boot with a device tree, that has an IOMMU with a driver and an engine here. A case without says so.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/soc/child.hpp"
#include "tests/study/recorded_boot.hpp"

using namespace xlate;
using xlate::study::tests::Behind;
using xlate::study::tests::is_ours;
using xlate::study::tests::joined;
using xlate::study::tests::RecordedBoot;
namespace kt = xlate::kernel::tests;

TEST_CASE("init and run: every recorded boot of an IOMMU that is modelled is the real kernel's",
          "[study][linux-boot]") {
    if (xlate::tests::skip_without_corpus()) return;
    unsigned compared = 0;
    for (const auto& folder : kt::boots_with([](const firmware::Node& node) { return is_ours(node); })) {
        const std::string name = folder.filename().string();
        ++compared;
        INFO(name);
        const RecordedBoot one(folder);
        CHECK(xlate::tests::in_child([&] { return RecordedBoot(folder).compare(); }) == "");
        if (one.given_up().empty()) continue;
        INFO("nothing answers behind the registers of " << joined(one.given_up()));
        CHECK(xlate::tests::in_child([&] { return RecordedBoot(folder, Behind::memory).compare(); }) == "");
    }
    xlate::tests::went_over(compared, "boot of an IOMMU that is modelled");
    for (const auto& folder : kt::boots_that({"linux-boot-families"}, [](const auto&) { return true; })) {
        const auto tree = firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb");
        if (std::none_of(tree.nodes.begin(), tree.nodes.end(), is_ours))
            WARN(folder.filename().string() + " skipped: no driver or no engine for its IOMMUs");
    }
}
