// Every board of corpus/dtb boots: its reachable consumers become devices and get a driver.
#include <algorithm>

#include <catch2/catch.hpp>

#include "firmware/iommu_windows.hpp"
#include "tests/corpus.hpp"
#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

TEST_CASE("every board of the corpus boots without a report and each reachable consumer is bound in the end",
          "[kernel][corpus][boards]") {
    if (xlate::tests::skip_without("dtb")) return;
    std::vector<std::filesystem::path> blobs;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(*xlate::tests::corpus() / "dtb"))
        if (entry.path().extension() == ".dtb") blobs.push_back(entry.path());
    std::sort(blobs.begin(), blobs.end());
    REQUIRE(!blobs.empty());
    Workspace workspace;
    for (const auto& blob : blobs) {
        INFO(blob.filename().string());
        firmware::Description description =
            firmware::read_device_tree(firmware::read_file(blob.string()), blob.filename().string());
        // Most say none: their boot loaders do. Within the 34 bits that the tables of Tegra's SMMU reach.
        description.memory = {{0x1'0000'0000, 0x4000'0000}};
        const Variant variant = find_variant("linux-6.12");
        ImmediateMachine machine;
        Kernel k(machine, variant, &workspace);
        // Registers of other nodes (MediaTek's larbs) are not the untimed machine's: tests/cli/boards_test.cpp runs
        // those.
        bool outside = false;
        for (const firmware::NodeIndex at : description.providers())
            outside = outside || !firmware::outside_windows(description, at).empty();
        if (outside) continue;
        machine.engines.add(description, [](const firmware::Node&) { return true; });
        const KernelSystem system(k, description, {});
        LinuxBoot boot(k, description, system.boot_config());
        boot.start();
        machine.run(k.sched);
        k.finish();
        k.sched.kill_all();
        CHECK(boot.finished());
        for (const Report& report : k.reports.all()) FAIL_CHECK(report.text());
        std::size_t consumers = 0;
        std::size_t bound = 0;
        std::string missing;
        for (const firmware::Node& node : description.nodes) {
            if (!node.reachable || !node.has_iommus || node.compatible.empty() || node.iommu_cells) continue;
            ++consumers;
            bool found = false;
            for (const DeviceResult& device : boot.devices())
                found = found || (device.path == node.path && device.state == "bound");
            if (found)
                ++bound;
            else
                missing += node.path + "\n";
        }
        INFO(missing);
        CHECK(bound == consumers);
    }
}
