// What Linux knows of single PCI devices, and what the command line says about ACS.
#include "kernel-model/pci/quirks.hpp"

#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "tests/kernel-model/board.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

namespace {

PciFunction at(unsigned device, unsigned function = 0, PciKind kind = PciKind::endpoint, std::uint32_t id = 0) {
    PciFunction made;
    made.device = device;
    made.function = function;
    made.kind = kind;
    made.vendor = static_cast<std::uint16_t>(id >> 16);
    made.product = static_cast<std::uint16_t>(id);
    if (!is_bridge(kind)) made.driver = "nvme";
    return made;
}
PciFunction with(PciFunction bridge, std::vector<PciFunction> below) {
    bridge.below = std::move(below);
    return bridge;
}

struct Run {
    Run(std::vector<PciFunction> functions, const char* variant = "linux-6.12", AcsParameters acs = {},
        bool acs_early = true) {
        board.host(0x10000000, board.smmu());
        BootConfig config;
        config.pci.push_back({"", 0, 0, std::move(functions)});
        config.parameters.acs = std::move(acs);
        kernel = std::make_unique<BoardKernel>(variant, board.description, config);
        if (acs_early) kernel->boot.pci().pci_request_acs();
        kernel->run();
    }
    DeviceResult device(const std::string& name) const { return kernel->device(name); }
    std::set<std::set<std::string>> groups() const {
        std::set<std::set<std::string>> all;
        for (const GroupResult& group : kernel->boot.groups()) all.insert({group.devices.begin(), group.devices.end()});
        return all;
    }
    Board board;
    std::unique_ptr<BoardKernel> kernel;
};

/// Field case 03: VGA and USB below an ASPEED bridge.
std::vector<PciFunction> bmc(bool quirk) {
    PciFunction bridge = at(0, 0, PciKind::pcie_to_pci_bridge, 0x1a031150);
    bridge.no_alias = quirk;
    return {with(at(0, 0, PciKind::root_port),
                 {with(bridge, {at(0, 0, PciKind::conventional), at(2, 0, PciKind::conventional)})})};
}

AcsParameters rule(std::vector<PciMatch> devices, std::uint32_t mask, std::uint32_t value) {
    AcsParameters acs;
    acs.rules.push_back({std::move(devices), 0, mask, value});
    return acs;
}
PciMatch place(unsigned bus, std::vector<unsigned> path) {
    PciMatch match;
    match.bus = bus;
    match.path = std::move(path);
    return match;
}

}  // namespace

TEST_CASE(
    "pci quirks: below a bridge that aliases, the second function is refused; below one that does not, both have ids",
    "[kernel][pci]") {
    const Run aliased(bmc(false));
    CHECK(aliased.device("0000:02:00.0").ids == std::vector<std::uint32_t>{0x200, 0x200});
    CHECK(aliased.device("0000:02:00.0").group.has_value());
    CHECK_FALSE(aliased.device("0000:02:02.0").group.has_value());
    CHECK(aliased.device("0000:02:02.0").state == "bound");
    const Run forwarded(bmc(true));
    CHECK(forwarded.device("0000:02:00.0").ids == std::vector<std::uint32_t>{0x200});
    CHECK(forwarded.device("0000:02:02.0").ids == std::vector<std::uint32_t>{0x210});
    CHECK(forwarded.device("0000:02:02.0").group.has_value());
    // Kernels that know the bridge need no word from the configuration.
    CHECK(Run(bmc(false), "linux-7.3").device("0000:02:02.0").group.has_value());
    const auto alias = [](std::uint32_t id) {
        return alias_of_bridge(as_hardware_is(at(0, 0, PciKind::pcie_to_pci_bridge, id), {}), 0x100, 2);
    };
    CHECK_FALSE(alias(0x1a031150).has_value());
    CHECK(alias(0x1b36000e) == 0x200);
}

TEST_CASE("pci quirks: by vendor and device", "[kernel][pci]") {
    PciPlace place;
    place.multifunction = true;
    const auto quirked = [&](PciFunction function, unsigned release = 612) {
        return with_quirks(std::move(function), place, {}, release);
    };
    // As a machine of the X99 chipset printed "Intel PCH root port ACS workaround enabled".
    for (const std::uint32_t port : {0x80868d10U, 0x80868d14U, 0x80868d16U, 0x80868d18U, 0x80861c12U})
        CHECK(quirked(at(28, 0, PciKind::root_port, port)).acs_quirk == true);
    CHECK_FALSE(quirked(at(28, 0, PciKind::root_port, 0x808643bf)).acs_quirk.has_value());
    CHECK(quirked(at(0, 0, PciKind::endpoint, 0x1b4b9230)).alias_devfns == std::vector<unsigned>{1});
    CHECK(quirked(at(3, 1, PciKind::endpoint, 0x1180e832)).alias_devfns == std::vector<unsigned>{0x18});
    CHECK(quirked(at(0, 0, PciKind::endpoint, 0x100298e4)).no_ats);
    CHECK(quirked(at(0, 0, PciKind::endpoint, 0x80861521)).acs_quirk == true);
    CHECK(quirked(at(5, 1, PciKind::endpoint, 0x80866f29)).acs_quirk == true);  // integrated, of Intel
    CHECK_FALSE(quirked(at(0, 0, PciKind::endpoint, 0x1b360010)).acs_quirk.has_value());
    CHECK_FALSE(quirked(at(20, 2, PciKind::conventional, 0x808643ef)).acs_quirk.has_value());
    CHECK(quirked(at(0, 0, PciKind::root_port, 0x1defe005)).acs_quirk == true);
    CHECK(quirked(at(0, 0, PciKind::root_port, 0x14e49000)).alias_translation_root);
    CHECK_FALSE(quirked(at(0, 0, PciKind::pci_bridge, 0x8086244e)).pcie_bridge_alias);  // on a root bus
    place.on_root_bus = false;
    place.below_pcie = true;
    CHECK_FALSE(quirked(at(0, 0, PciKind::endpoint, 0x808610d3)).acs_quirk.has_value());
    CHECK(quirked(at(0, 0, PciKind::pci_bridge, 0x8086244e)).pcie_bridge_alias);
    // What the configuration says stays.
    PciFunction shared = at(0, 0, PciKind::endpoint, 0x80861521);
    shared.acs_quirk = false;
    CHECK(quirked(shared).acs_quirk == false);
    CHECK_FALSE(quirked(at(0, 0, PciKind::pcie_to_pci_bridge, 0x1a031150)).no_alias);
    CHECK(quirked(at(0, 0, PciKind::pcie_to_pci_bridge, 0x1a031150), 700).no_alias);
}

// A C236 board on a mailing list (Linux 6.15): of the chip's functions, none of which has ACS or is PCIe, the network
// controller is alone.
TEST_CASE("pci quirks: a conventional function of a chipset is isolated by its ids", "[kernel][pci]") {
    std::vector<PciFunction> chip;
    for (const auto& [function, id] : std::map<unsigned, std::uint32_t>{
             {0, 0x8086a149}, {2, 0x8086a121}, {3, 0x8086a170}, {4, 0x8086a123}, {6, 0x808615b7}})
        chip.push_back(at(0x1f, function, PciKind::conventional, id));
    CHECK(Run(chip).groups() ==
          std::set<std::set<std::string>>{{"0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3", "0000:00:1f.4"},
                                          {"0000:00:1f.6"}});
}

// Linux 6.12.y drivers/pci/quirks.c, pci_dev_acs_enabled[] and the callers of pci_add_dma_alias().
TEST_CASE("pci quirks: ids that Linux knows, and their neighbours that it does not", "[kernel][pci]") {
    PciPlace slot;
    slot.on_root_bus = false;
    slot.below_pcie = slot.multifunction = true;
    const auto known = [&](PciKind kind, std::uint32_t id, unsigned release = 612) {
        return with_quirks(at(0, 0, kind, id), slot, {}, release);
    };
    const auto isolated = [&](std::uint32_t id, unsigned release = 612, PciKind kind = PciKind::endpoint) {
        return known(kind, id, release).acs_quirk.has_value();
    };
    for (const std::uint32_t id :
         {0x808610c6U, 0x80861507U, 0x8086154dU, 0x80861558U, 0x80861509U, 0x8086150aU, 0x808610a7U, 0x808610d9U,
          0x808615b8U, 0x19a20710U, 0x10df0720U, 0x177da060U, 0x14e41752U, 0x14e41763U, 0x1d179083U, 0x80880100U}) {
        CAPTURE(id);
        CHECK(isolated(id));
    }
    for (const std::uint32_t id :
         {0x80861528U, 0x8086154aU, 0x808615b9U, 0x19a20720U, 0x177da05aU, 0x14e41764U, 0x80880110U, 0x10024385U}) {
        CAPTURE(id);
        CHECK_FALSE(isolated(id));
    }
    // Younger than 6.8, and taken over by the stable releases of 6.1.
    CHECK_FALSE(isolated(0x14e41760, 608));
    CHECK(isolated(0x14e41760, 601));
    CHECK(isolated(0x177da7ff, 612, PciKind::root_port));
    CHECK(isolated(0x177db884, 612, PciKind::root_port));
    CHECK_FALSE(isolated(0x177da800, 612, PciKind::root_port));
    CHECK(isolated(0x1d170752, 612, PciKind::downstream_port));
    CHECK_FALSE(isolated(0x177da000, 612, PciKind::downstream_port));
    CHECK(isolated(0x19578db9, 612, PciKind::root_port));
    CHECK_FALSE(isolated(0x19578dba, 612, PciKind::root_port));
    CHECK_FALSE(isolated(0x17cb0111, 612, PciKind::root_port));
    CHECK(isolated(0x17cb0111, 700, PciKind::root_port));
    for (const std::uint32_t id : {0x1b4b9125U, 0x1b4b9170U, 0x1b4b9172U, 0x1b4b9183U, 0x197b2392U, 0x1c280122U})
        CHECK(known(PciKind::endpoint, id).alias_devfns == std::vector<unsigned>{1});
    for (const std::uint32_t id : {0x1b4b9171U, 0x1b4b9124U, 0x197b2391U})
        CHECK(known(PciKind::endpoint, id).alias_devfns.empty());
    for (const unsigned release : {601U, 607U, 612U, 703U})
        CHECK(known(PciKind::pci_bridge, 0x12838893, release).pcie_bridge_alias);
}

// pci_quirk_amd_sb_acs().
TEST_CASE("pci quirks: an AMD south bridge keeps its functions apart where there is an IVRS", "[kernel][pci]") {
    PciPlace slot;
    slot.multifunction = slot.beside_ivrs = true;
    const auto isolated = [](const PciPlace& place, std::uint32_t id) {
        return with_quirks(at(0x14, 0, PciKind::conventional, id), place, {}, 612).acs_quirk.has_value();
    };
    for (const std::uint32_t id :
         {0x10024383U, 0x10024384U, 0x10024385U, 0x10024399U, 0x1002439cU, 0x1002439dU, 0x1022780fU, 0x10227809U})
        CHECK(isolated(slot, id));
    for (const std::uint32_t id : {0x1022780bU, 0x1022780eU, 0x1022790bU, 0x10024397U}) CHECK_FALSE(isolated(slot, id));
    PciPlace other = slot;
    other.beside_ivrs = false;
    CHECK_FALSE(isolated(other, 0x10024385));
    other = slot;
    other.on_root_bus = false;
    CHECK_FALSE(isolated(other, 0x10024385));
    other = slot;
    other.multifunction = false;
    CHECK_FALSE(isolated(other, 0x10024385));
}

TEST_CASE("pci acs: disable_acs_redir and config_acs change the control register of the devices they name",
          "[kernel][pci]") {
    const std::vector<PciFunction> functions{with(at(1, 0, PciKind::root_port), {at(0)}),
                                             with(at(2, 0, PciKind::root_port), {at(0)})};
    using Groups = std::set<std::set<std::string>>;
    CHECK(Run(functions).groups() == Groups{{"0000:00:01.0"}, {"0000:01:00.0"}, {"0000:00:02.0"}, {"0000:02:00.0"}});
    // Redirection off on one port: what is below it shares its group.
    const std::uint32_t redirect = kAcsRequestRedirect | kAcsCompletionRedirect | kAcsEgressControl;
    CHECK(Run(functions, "linux-6.12", rule({place(0, {1 << 3})}, redirect, 0)).groups() ==
          Groups{{"0000:00:01.0", "0000:01:00.0"}, {"0000:00:02.0"}, {"0000:02:00.0"}});
    // All four bits on where no IOMMU had asked for them in time.
    CHECK(Run(functions, "linux-6.12", rule({place(0, {2 << 3})}, kAcsIsolation, kAcsIsolation), false).groups() ==
          Groups{{"0000:00:01.0", "0000:01:00.0"}, {"0000:00:02.0"}, {"0000:02:00.0"}});
    // A way down: the device below the port, which has no capability to configure.
    CHECK(Run(functions, "linux-6.12", rule({place(0, {2 << 3, 0})}, kAcsIsolation, kAcsIsolation), false).groups() ==
          Groups{{"0000:00:01.0", "0000:01:00.0"}, {"0000:00:02.0", "0000:02:00.0"}});
    // config_acs came with 6.11: before, its words are passed by.
    AcsParameters later = rule({place(0, {1 << 3})}, redirect, 0);
    later.rules.front().since = kFirstReleaseWithConfigAcs;
    CHECK(Run(functions, "mainline-6.8", later).groups() == Run(functions, "mainline-6.8").groups());
    CHECK(Run(functions, "mainline-6.11", later).groups() != Run(functions, "mainline-6.11").groups());
}

TEST_CASE("pci acs: pcie_acs_override isolates what has no capability of its own", "[kernel][pci]") {
    const std::vector<PciFunction> functions{
        with(at(9, 0, PciKind::root_port),
             {with(at(0, 0, PciKind::upstream_port), {with(at(0, 0, PciKind::downstream_port), {at(0), at(0, 1)})})})};
    using Groups = std::set<std::set<std::string>>;
    AcsParameters downstream;
    downstream.overrides.downstream = true;
    CHECK(Run(functions, "linux-6.12", downstream).groups() ==
          Groups{{"0000:00:09.0"}, {"0000:01:00.0"}, {"0000:02:00.0"}, {"0000:03:00.0", "0000:03:00.1"}});
    AcsParameters both = downstream;
    both.overrides.multifunction = true;
    CHECK(Run(functions, "linux-6.12", both).groups() ==
          Groups{{"0000:00:09.0"}, {"0000:01:00.0"}, {"0000:02:00.0"}, {"0000:03:00.0"}, {"0000:03:00.1"}});
    // A root port with the capability switched off by its configuration is not overridden: it has the capability.
    CHECK(Run({with(at(1, 0, PciKind::root_port), {at(0)})}, "linux-6.12", both, false).groups() ==
          Groups{{"0000:00:01.0", "0000:01:00.0"}});
}

// probe-reports.md section 3: what c41e2fb67e26 changes on a device tree is the first PCI device alone.
TEST_CASE("pci acs: enabled where DMA is configured, the first root port isolates, too", "[kernel][pci]") {
    const std::vector<PciFunction> functions{with(at(1, 0, PciKind::root_port), {at(0)}),
                                             with(at(2, 0, PciKind::root_port), {at(0)})};
    CHECK(Run(functions, "linux-6.18", {}, false).groups().size() == 3);
    CHECK(Run(functions, "linux-6.19", {}, false).groups().size() == 4);
}
