// The IOMMUs of a QEMU command and the firmware's units that they are. Properties and their defaults: QEMU's sources,
// named at each case.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "firmware/description.hpp"
#include "iommu/families.hpp"
#include "study/config/config.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/init/qemu/qemu_pci.hpp"
#include "study/run/firmware_input.hpp"
#include "tests/firmware/tree_builder.hpp"
#include "tests/places.hpp"

using namespace xlate;
using namespace xlate::study;
using tests::TreeBuilder;

namespace {

firmware::Description boards(const std::vector<std::string>& names) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(std::string(tests::binary_dir()) + "/boards/" + name);
    return read_firmware(paths).description;
}
firmware::Description intel() { return boards({"x86_vtd_dmar.dat", "x86_vtd_mcfg.dat", "x86_vtd_apic.dat"}); }
firmware::Description amd() { return boards({"x86_amd_ivrs.dat", "x86_amd_mcfg.dat", "x86_amd_apic.dat"}); }

std::string config_of(const firmware::Description& board, const std::string& command) {
    return qemu_config(board, {"board"}, command, "q.txt");
}

/// What a config gives all IOMMUs that it names.
std::string choice(const std::string& yaml, std::string_view family, std::string_view key) {
    const Config config = parse_config(yaml, "init.yaml");
    std::set<std::string> found;
    for (const auto& [path, one] : config.soc.iommus) {
        for (const iommu::OptionSpec& option : iommu::find_family(std::string(family))->options) {
            if (option.key == key) found.insert(std::string(one.params.hardware.choice(option)));
        }
    }
    return fmt::format("{}", fmt::join(found, " and "));
}

bool has(const std::string& yaml, const std::string& text) { return yaml.find(text) != std::string::npos; }

/// The map of two SMMUv3, of root buses 0 to 7 and of the others from 8 on, in the order in which QEMU sorts them.
firmware::Description two_smmus(bool with_map) {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    for (const std::uint32_t phandle : {1U, 2U}) {
        const std::uint32_t base = 0x10000000 + 0x20000 * phandle;
        tree.open(fmt::format("smmu@{:x}", base)).text("compatible", "arm,smmu-v3").cells("reg", {base, 0x20000});
        tree.cells("#iommu-cells", {1}).cells("phandle", {phandle}).close();
    }
    tree.open("pcie@20000000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("#address-cells", {3}).cells("#size-cells", {2}).cells("reg", {0x20000000, 0x10000000});
    tree.cells("bus-range", {0, 0xff});
    if (with_map) tree.cells("iommu-map", {0, 1, 0, 0x800, 0x800, 2, 0x800, 0xf800});
    tree.close();
    return firmware::read_device_tree(tree.finish(), "board.dtb");
}

constexpr const char* kTwoSmmus =
    "qemu-system-aarch64 -machine virt -nodefaults -device pxb-pcie,id=pcie.1,bus_nr=8,bus=pcie.0 "
    "-device arm-smmuv3,primary-bus=pcie.1,id=smmu1,ats=on,oas=48 -device arm-smmuv3,primary-bus=pcie.0,id=smmu0";

}  // namespace

// hw/i386/intel_iommu.c, vtd_properties; x86-iommu.c.
TEST_CASE("init: intel-iommu is QEMU's unit, with its caching mode, and names what that unit lacks", "[study][init]") {
    const std::string command = "qemu-system-x86_64 -M q35,kernel-irqchip=split -device intel-iommu,id=iommu0";
    const std::string plain = config_of(intel(), command);
    CAPTURE(plain);
    CHECK(choice(plain, "vt-d", "like") == "qemu");
    CHECK(choice(plain, "vt-d", "caching_mode") == "off");
    CHECK_FALSE(has(plain, "note: intel-iommu"));

    const std::string all =
        config_of(intel(), command + ",intremap=on,caching-mode=on,device-iotlb=on,aw-bits=39,eim=on,new-thing=3");
    CAPTURE(all);
    CHECK(choice(all, "vt-d", "like") == "qemu");
    CHECK(choice(all, "vt-d", "caching_mode") == "on");
    CHECK(choice(all, "vt-d", "device_tlb") == "on");
    CHECK(choice(all, "vt-d", "width") == "39");
    CHECK(choice(plain, "vt-d", "device_tlb") == "as-like");
    CHECK(choice(plain, "vt-d", "width") == "as-like");
    for (const char* note : {"eim=on is left out", "new-thing=3 is left out: not known here"})
        CHECK(has(all, std::string("# note: intel-iommu iommu0: ") + note));
    CHECK_FALSE(has(all, "intremap"));

    const std::string json = config_of(intel(),
                                       "qemu-system-x86_64 -M q35 -device "
                                       "'{\"driver\":\"intel-iommu\",\"caching-mode\":true,\"intremap\":\"off\"}'");
    CHECK(choice(json, "vt-d", "caching_mode") == "on");
    CHECK(has(json, "intremap=off is left out"));
    CHECK(choice(config_of(intel(), command + " -global intel-iommu.caching-mode=on"), "vt-d", "caching_mode") == "on");
}

// x-scalable-mode alone gives SMTS, SRS and SLTS; x-flts (before, "modern") SMTS and FLTS.
TEST_CASE("init: intel-iommu with first-level tables is the scalable unit", "[study][init]") {
    const std::string command = "qemu-system-x86_64 -M q35 -device intel-iommu,x-scalable-mode=";
    for (const char* value : {"on,x-flts=on", "modern"}) {
        const std::string yaml = config_of(intel(), command + value);
        CHECK(choice(yaml, "vt-d", "like") == "scalable");
        CHECK(has(yaml, "like: scalable stands for first-level tables"));
    }
    for (const char* value : {"on", "legacy"}) {
        const std::string yaml = config_of(intel(), command + value);
        CHECK(choice(yaml, "vt-d", "like") == "qemu");
        CHECK(has(yaml, fmt::format("x-scalable-mode={} is left out", value)));
    }
    CHECK_FALSE(has(config_of(intel(), command + "off"), "x-scalable-mode"));
}

// hw/i386/pc.c, pc_compat_9_1.
TEST_CASE("init: machines up to 9.1 have an intel-iommu of 39 bits", "[study][init]") {
    const auto width = [](const std::string& machine, const std::string& more = "") {
        const std::string yaml = config_of(intel(), "qemu-system-x86_64 -device intel-iommu" + more + " -M " + machine);
        CHECK(has(yaml, "aw-bits=39") == (choice(yaml, "vt-d", "width") == "39" && more.empty()));
        return choice(yaml, "vt-d", "width");
    };
    CHECK(width("pc-q35-8.2") == "39");
    CHECK(width("pc-q35-9.1") == "39");
    CHECK(width("pc-q35-9.1", ",aw-bits=48") == "48");
    CHECK(width("pc-q35-9.2") == "as-like");
    CHECK(width("q35") == "as-like");
}

TEST_CASE("init: a unit that the firmware lacks is said, with the table that has it", "[study][init]") {
    CHECK(has(config_of(amd(), "qemu-system-x86_64 -M q35 -device intel-iommu"),
              "intel-iommu: the firmware has no such unit: it is in QEMU's DMAR table"));
    CHECK(has(config_of(intel(), "qemu-system-x86_64 -M q35 -device amd-iommu"),
              "amd-iommu: the firmware has no such unit: it is in QEMU's IVRS table"));
}

// hw/i386/amd_iommu.c: with pci-id the function is that of an AMDVI-PCI (libvirt's amd-iommu.x86_64-latest.args).
TEST_CASE("init: amd-iommu is one unit and one function, its own or that of its pci-id", "[study][init]") {
    const std::string command = "/usr/bin/qemu-system-x86_64 -machine q35 -nodefaults -device ";
    const std::string apart =
        "'{\"driver\":\"AMDVI-PCI\",\"id\":\"iommu0\",\"bus\":\"pcie.0\",\"addr\":\"0x1\"}' -device "
        "'{\"driver\":\"amd-iommu\",\"pci-id\":\"iommu0\",\"intremap\":\"on\",\"device-iotlb\":true}'";
    const std::string yaml = config_of(amd(), command + apart);
    CAPTURE(yaml);
    CHECK(choice(yaml, "amd-vi", "like") == "qemu");
    CHECK(choice(yaml, "amd-vi", "np_cache") == "on");
    CHECK(has(yaml, "slot: \"00:01.0\", kind: endpoint, driver: none, id: \"1022:1419\", class: \"0x080600\""));
    CHECK_FALSE(has(yaml, "00:02.0"));
    CHECK_FALSE(has(yaml, "not known here"));
    CHECK(has(yaml, "amd-iommu: device-iotlb=on is left out"));

    const std::string own = config_of(amd(), command + "amd-iommu,intremap=on,xtsup=on,dma-remap=on");
    CHECK(has(own, "slot: \"00:01.0\", kind: endpoint, driver: none, id: \"1022:0000\""));
    CHECK(has(own, "amd-iommu: xtsup=on is left out"));
    CHECK(has(own, "amd-iommu: dma-remap=on is left out"));
    CHECK(has(config_of(amd(), command + "amd-iommu,pci-id=x"), "no AMDVI-PCI has the id 'x'"));
}

// hw/arm/virt-acpi-build.c: QEMU sorts the SMMUs of its IORT by the first id that they map, not by their options.
TEST_CASE("init: an arm-smmuv3 is the firmware's SMMU for its primary bus", "[study][init]") {
    const std::string yaml = config_of(two_smmus(true), kTwoSmmus);
    CAPTURE(yaml);
    const Config config = parse_config(yaml, "init.yaml");
    REQUIRE(config.soc.iommus.size() == 2);
    const auto& of_bus_0 = config.soc.iommus.at("/smmu@10020000").params.hardware.smmuv3;
    const auto& of_bus_8 = config.soc.iommus.at("/smmu@10040000").params.hardware.smmuv3;
    CHECK(of_bus_0.ats == 0);
    CHECK(of_bus_8.ats == 1);
    CHECK(of_bus_8.oas == 5);
    CHECK_FALSE(has(yaml, "taken to be"));
}

TEST_CASE("init: without an id map the SMMUs are taken in order, which is said", "[study][init]") {
    const std::string yaml = config_of(two_smmus(false), kTwoSmmus);
    CAPTURE(yaml);
    CHECK(has(yaml,
              "arm-smmuv3 smmu1 of pcie.1: no id map of the firmware has an SMMUv3 for its bus; taken to be "
              "/smmu@10020000"));
    CHECK(parse_config(yaml, "init.yaml").soc.iommus.at("/smmu@10020000").params.hardware.smmuv3.ats == 1);
}

// hw/riscv/virt.c (iommu-sys), riscv-iommu-pci.c (vendor-id, device-id), riscv-iommu.c. Linux has the driver
// since 6.13.
TEST_CASE("init: a RISC-V machine has its IOMMU, and a kernel with a driver for it", "[study][init]") {
    const firmware::Description board = boards({"riscv.dtb"});
    const std::string command = "qemu-system-riscv64 -smp 8 -M virt,iommu-sys=on,aia=aplic-imsic -device e1000e";
    const std::string yaml = config_of(board, command);
    CAPTURE(yaml);
    const Config config = parse_config(yaml, "init.yaml");
    CHECK(config.kernel.arch == kernel::Arch::riscv);
    CHECK(config.kernel.variant == "mainline-6.15.1");
    CHECK(has(yaml, "riscv-iommu is of Linux 6.13: the first variant that has it"));
    CHECK(choice(yaml, "riscv", "like") == "qemu");
    CHECK(parse_config(config_of(board, command + " -kernel Image"), "i").kernel.variant == "mainline-6.15.1");
    const std::string named = config_of(board, command + " -kernel vmlinuz-6.12.107");
    CHECK(parse_config(named, "i").kernel.variant == "linux-6.12");
    CHECK(has(named, "riscv-iommu is of Linux 6.13: this kernel has no driver for the IOMMU"));
    CHECK(parse_config(config_of(board, command + " -kernel vmlinuz-7.0.1"), "i").kernel.variant == "linux-7.0");
}

TEST_CASE("init: riscv-iommu-pci has the id that its options give, and names its other options", "[study][init]") {
    const firmware::Description board = boards({"riscv_pci.dtb"});
    const auto config = [&](const std::string& device) {
        return config_of(board, "qemu-system-riscv64 -M virt -nodefaults -device " + device);
    };
    const std::string named = config("riscv-iommu-pci,addr=1.0,vendor-id=0x1efd,device-id=0x8,ats=off,ioatc-limit=4");
    CAPTURE(named);
    CHECK(has(named, "slot: \"00:01.0\", kind: endpoint, driver: none, id: \"1efd:0008\", class: \"0x080600\""));
    CHECK(choice(named, "riscv", "like") == "qemu");
    CHECK(has(named, "riscv-iommu-pci: ats=off is left out"));
    CHECK(has(named, "riscv-iommu-pci: ioatc-limit=4 is left out"));
    CHECK(has(config("x-riscv-iommu-pci,addr=1.0"), "id: \"1b36:0014\""));
    CHECK(has(config("riscv-iommu-pci,device-id=0x9"), "id: \"1b36:0009\""));
    CHECK_THROWS_WITH(config("riscv-iommu-pci,vendor-id=0x10000"), Catch::Contains("vendor-id=0x10000"));
    CHECK(has(config_of(board, "qemu-system-riscv64 -M virt,iommu-sys=on"),
              "the machine's iommu-sys=on: the firmware has no such unit"));
}

// hw/virtio/virtio-iommu.c, virtio_iommu_properties.
TEST_CASE("init: a virtio-iommu has the granule, the bits and the bypass of its options", "[study][init]") {
    const firmware::Description board = boards({"virtio.dtb"});
    const std::string command = "qemu-system-aarch64 -M virt -nodefaults -device virtio-iommu-pci";
    CHECK(parse_config(config_of(board, command), "i").soc.iommus.empty());
    const std::string yaml = config_of(board, command + ",granule=16k,boot-bypass=off,aw-bits=39,disable-legacy=on");
    CAPTURE(yaml);
    CHECK(choice(yaml, "virtio-iommu", "page_size") == "16 KiB");
    CHECK(choice(yaml, "virtio-iommu", "unattached") == "fault");
    CHECK(has(yaml, "input_bits: 39"));
    CHECK_FALSE(has(yaml, "disable-legacy"));
    const std::string odd = config_of(board, command + ",granule=host,aw-bits=16");
    CHECK(has(odd, "granule=host is left out"));
    CHECK(has(odd, "aw-bits=16 is left out"));
    CHECK(has(config_of(intel(), command + ",aw-bits=48"), "virtio-iommu-pci: the firmware has no such unit"));
}
