// Listings of lspci in their forms: with and without domain, names, and the rights to see capabilities.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "study/config/config.hpp"
#include "study/init/machine/found_functions.hpp"
#include "study/init/machine/machine_config.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

PciListing listing_of(const std::string& text) { return read_lspci(text, "lspci.txt"); }

const std::string kMachine =
    "00:00.0 Host bridge [0600]: Intel Corporation Device [8086:4660] (rev 02)\n"
    "\tSubsystem: ASUSTeK Computer Inc. Device [1043:8882]\n"
    "\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-\n"
    "\tIOMMU group: 2\n"
    "\tCapabilities: [e0] Vendor Specific Information: Len=14 <?>\n"
    "\n"
    "00:01.0 PCI bridge [0604]: Intel Corporation 12th Gen Core Processor PCI Express x16 Controller #1 [8086:460d] "
    "(rev 02) (prog-if 00 [Normal decode])\n"
    "\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n"
    "\tCapabilities: [40] Express (v2) Root Port (Slot+), IntMsgNum 0\n"
    "\tCapabilities: [220 v1] Access Control Services\n"
    "\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-\n"
    "\tKernel driver in use: pcieport\n"
    "\n"
    "00:1c.0 PCI bridge [0604]: Intel Corporation Device [8086:7ab8] (rev 11) (prog-if 00 [Normal decode])\n"
    "\tBus: primary=00, secondary=02, subordinate=04, sec-latency=0\n"
    "\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
    "\n"
    "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation AD102 [GeForce RTX 4090] [10de:2684] (rev a1) "
    "(prog-if 00 [VGA controller])\n"
    "\tCapabilities: [78] Express (v2) Legacy Endpoint, MSI 00\n"
    "\tKernel driver in use: vfio-pci\n"
    "\tKernel modules: nouveau\n"
    "\n"
    "02:00.0 PCI bridge [0604]: ASMedia Technology Inc. Device [1b21:1182] (prog-if 00 [Normal decode])\n"
    "\tBus: primary=02, secondary=03, subordinate=04, sec-latency=0\n"
    "\tCapabilities: [80] Express (v2) Upstream Port, MSI 00\n"
    "\n"
    "03:03.0 PCI bridge [0604]: ASMedia Technology Inc. Device [1b21:1182] (prog-if 00 [Normal decode])\n"
    "\tBus: primary=03, secondary=04, subordinate=04, sec-latency=0\n"
    "\tCapabilities: [80] Express (v2) Downstream Port (Slot+), MSI 00\n"
    "\tCapabilities: [210 v1] Access Control Services\n"
    "\n"
    "04:00.0 Ethernet controller [0200]: Mellanox Technologies MT2892 Family [ConnectX-6 Dx] [15b3:101d]\n"
    "\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n"
    "\tCapabilities: [3c0 v1] Address Translation Service (ATS)\n"
    "\tCapabilities: [3d0 v1] Page Request Interface (PRI)\n"
    "\tCapabilities: [3e0 v1] Process Address Space ID (PASID)\n"
    "\tKernel driver in use: mlx5_core\n";

}  // namespace

TEST_CASE("lspci: kinds, buses, drivers and capabilities of a PC", "[study][init]") {
    const PciListing listing = listing_of(kMachine);
    CHECK(listing.notes.empty());
    REQUIRE(listing.functions.size() == 3);
    const StarterFunction& host = listing.functions[0];
    CHECK((host.kind == "host-bridge" && host.id == "8086:4660" && host.class_code == 0x060000));
    const StarterFunction& port = listing.functions[1];
    CHECK((port.kind == "root-port" && port.acs == true));
    CHECK(listing.functions[2].acs == false);
    const StarterFunction& display = port.below.at(0);
    CHECK_FALSE(display.pasid);
    CHECK((display.kind == "endpoint" && display.driver == "vfio-pci" && display.id == "10de:2684"));
    const StarterFunction& up = listing.functions[2].below.at(0);
    CHECK(up.kind == "switch-upstream");
    const StarterFunction& down = up.below.at(0);
    CHECK((down.kind == "switch-downstream" && down.acs == true && down.device == 3));
    const StarterFunction& nic = down.below.at(0);
    CHECK((nic.driver == "mlx5_core" && nic.ats && nic.pri && nic.pasid && nic.class_code == 0x020000));
    // What is written can be read.
    firmware::Description board;
    board.nodes.emplace_back();
    board.nodes[0].path = "/";
    const Config config = parse_config(machine_config(board, {"b.dtb"}, std::nullopt, listing), "x.yaml");
    REQUIRE(config.soc.pci.size() == 3);
    const PciConfig& written = config.soc.pci[2].below.at(0).below.at(0);
    CHECK(written.acs == PciConfig::Acs::yes);
    CHECK(config.soc.pci[2].acs == PciConfig::Acs::no);
    CHECK((written.below.at(0).atc.shape.enabled && written.below.at(0).atc.pri));
    CHECK(written.below.at(0).pasid);
    CHECK_FALSE(written.pasid);
}

TEST_CASE("lspci: domains, numbers alone, and what only root sees", "[study][init]") {
    const PciListing listing = listing_of(
        "0001:00:00.0 0604: 17cb:0109 (rev 01) (prog-if 00 [Normal decode])\n"
        "\tBus: primary=00, secondary=01, subordinate=ff, sec-latency=0\n"
        "\tCapabilities: <access denied>\n"
        "0001:01:00.0 0108: 144d:a80a (prog-if 02 [NVM Express])\n"
        "\tCapabilities: <access denied>\n"
        "\tKernel driver in use: nvme\n");
    REQUIRE(listing.functions.size() == 1);
    CHECK(listing.functions[0].domain == 1);
    CHECK(listing.functions[0].kind == "root-port");
    CHECK_FALSE(listing.functions[0].acs.has_value());
    const StarterFunction& disk = listing.functions[0].below.at(0);
    CHECK((disk.class_code == 0x010802 && disk.id == "144d:a80a" && disk.driver == "nvme"));
    REQUIRE(listing.notes.size() == 3);  // kinds, ACS, and why
    CHECK(listing.notes[2].find("not run by root") != std::string::npos);
    // Without its capability Express a function that shows others is conventional.
    const PciListing old = listing_of(
        "05:00.0 Multimedia audio controller [0401]: Creative [1102:0004]\n"
        "\tCapabilities: [dc] Power Management version 1\n");
    CHECK(old.functions.at(0).kind == "conventional");
}

// Linux drivers/pci/controller/vmd.c: domains from 10000 on; pci_real_dma_dev() of what is in them is the VMD.
TEST_CASE("lspci: functions behind Intel's VMD are named, and are none of firmware's", "[study][init]") {
    const std::string vmd =
        "00:0e.0 RAID bus controller [0104]: Intel Corporation Volume Management Device [8086:467f]\n"
        "\tCapabilities: [90] Express (v2) Root Complex Integrated Endpoint, MSI 00\n"
        "\tKernel driver in use: vmd\n";
    const std::string behind =
        "10000:e0:06.0 PCI bridge [0604]: Intel Corporation Device [8086:464d] (prog-if 00 [Normal decode])\n"
        "\tBus: primary=00, secondary=e1, subordinate=e1, sec-latency=0\n"
        "\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
        "10000:e1:00.0 Non-Volatile memory controller [0108]: Samsung [144d:a80a] (prog-if 02 [NVM Express])\n"
        "\tKernel driver in use: nvme\n";
    const std::string nic =
        "00:1c.0 PCI bridge [0604]: Intel Corporation Device [8086:7abc] (prog-if 00 [Normal decode])\n"
        "\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n"
        "\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
        "01:00.0 Ethernet controller [0200]: Realtek [10ec:8125]\n"
        "\tCapabilities: [70] Express (v2) Endpoint, MSI 01\n";
    const PciListing listing = listing_of(vmd + behind + nic);
    REQUIRE(listing.functions.size() == 2);
    CHECK((listing.functions[0].kind == "endpoint" && listing.functions[0].driver == "vmd"));
    CHECK(listing.functions[0].below.empty());
    CHECK(listing.functions[1].below.size() == 1);
    REQUIRE(listing.notes.size() == 1);
    CHECK(listing.notes[0] ==
          "2 functions of domains beyond ffff are left out (10000:e0:06.0, 10000:e1:00.0): they are behind Intel's VMD "
          "(0000:00:0e.0), whose requester id they send and whose group they are in; `traffic` of that function stands "
          "for theirs");
    CHECK(listing_of(behind + nic).notes.at(0).find("no firmware has such a segment") != std::string::npos);
    std::size_t size = 0;
    CHECK(pci_place_of("10000:e1:00.0 x", size)->domain() == 0x10000);
    CHECK(size == 13);
    CHECK(pci_place_of("fffffffe:e1:00.0", size)->domain() == 0xfffffffe);
    for (const char* const text : {"123:e1:00.0", "123456789:e1:00.0", "1000g:e1:00.0", "10000:e1:00", "10000:"})
        CHECK_FALSE(pci_place_of(text, size).has_value());
}

TEST_CASE("lspci: a line that is no function ends the one before it", "[study][init]") {
    const PciListing listing = listing_of(
        "00:02.0 VGA compatible controller [0300]: Intel Corporation [8086:4692]\n"
        "\tCapabilities: [70] Express (v2) Root Complex Integrated Endpoint, MSI 00\n"
        "0000:0:1c.0 PCI bridge [0604]: Intel Corporation Device [8086:7abc]\n"
        "\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n"
        "\tKernel driver in use: pcieport\n");
    REQUIRE(listing.functions.size() == 1);
    CHECK((listing.functions[0].kind == "endpoint" && listing.functions[0].driver.empty()));
    // One that has lost its tabs altogether is read all the same.
    const PciListing flat = listing_of(
        "00:1c.0 PCI bridge [0604]: Intel Corporation Device [8086:7abc]\nControl: I/O+ Mem+\n"
        "Bus: primary=00, secondary=01, subordinate=01, sec-latency=0\n"
        "01:00.0 Ethernet controller [0200]: Realtek [10ec:8125]\nKernel driver in use: r8169\n");
    REQUIRE(flat.functions.size() == 1);
    CHECK(flat.functions[0].below.at(0).driver == "r8169");
}

TEST_CASE("lspci: what is no listing with numbers is refused", "[study][init]") {
    for (const char* const text :
         {"", "hello\n", "00:1c.0 PCI bridge: Intel Corporation Device 7ab8 (rev 11)\n", "00:1c.0 [0604]: [8086\n",
          "00:1c.0 :\n", "zz:1c.0 0604: 8086:7ab8\n", "00:1c.0 0604: [\n"})
        CHECK_THROWS_WITH(listing_of(text), Catch::Contains("lspci.txt: no line is a PCI function"));
}
