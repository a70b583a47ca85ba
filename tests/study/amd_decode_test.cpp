// `xlate decode` of AMD-Vi's events and dumps. Lines: real logs (bug reports, commit messages of Linux, mailing lists)
// and the format strings of Linux 6.18 and older, and of Xen; meanings: AMD I/O virtualization specification (48882),
// section 2.5.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/study/decoded_text.hpp"

using namespace xlate;
using namespace xlate::study;
using namespace xlate::tests;

namespace {

std::string invalid_request(unsigned flags, const char* pasid = "0x00000") {
    return "AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=0000:03:00.0 pasid=" + std::string(pasid) +
           " address=0x1000 flags=" + fmt::format("{:#06x}", flags) + "]\n";
}

}  // namespace

TEST_CASE("decode: types of INVALID_DEVICE_REQUEST differ by TR", "[study][decode]") {
    // A Ryzen board; the specification's type 101b without TR.
    const std::string real = decoded(
        "kernel: [   13.137925] INVALID_DEVICE_REQUEST device=00:00.1 address=0x000000fdf8000020 flags=0x0a00]\n");
    CHECK(holds(real, "INVALID_DEVICE_REQUEST, device 00:00.1 (0x1), address 0xfdf8000020"));
    CHECK(holds(real, "a posted write to the interrupt/EOI range from a device whose entry has IntCtl=00b"));
    CHECK(holds(real, "Type 5"));
    const char* const accesses[] = {"of the interrupt range",
                                    "translated already (ATS), though its entry has I=0 or V=0",
                                    "IoCtl 00b",
                                    "SysMgt 00b",
                                    "SysMgt 10b or 0xb",
                                    "IntCtl=00b",
                                    "an interrupt address that is reserved",
                                    "V=1 and TV=0"};
    for (unsigned type = 0; type < 8; ++type) {
        INFO(type);
        CHECK(holds(decoded(invalid_request(type << 9)), accesses[type]));
        CHECK(holds(decoded(invalid_request(type << 9 | 0x100)),
                    type == 0   ? "an ATS translation request of a device whose entry has I=0 or V=0, or V=1 and TV=0"
                    : type == 1 ? "interrupt, port I/O or system management range"
                                : "a translation request of a reserved type"));
    }
    CHECK(holds(decoded(invalid_request(0x101, "0x12345")), "address 0x1000, PASID 0x12345"));
    CHECK(rows(invalid_request(0x101, "0x12345")) ==
          "Code 8; DeviceID 0x300; PASID 0x12345; GN 1; TR 1; Type 0; Address 0x1000");
}

TEST_CASE("decode: AMD-Vi's event rows are those of the event", "[study][decode]") {
    CHECK(rows("AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:1f.0 domain=0x0009 address=0xdeadb000 "
               "flags=0x0020]\n") == "Code 2; DeviceID 0xf8; DomainID 0x9; RW 1; Address 0xdeadb000");
    // With GN the kernel prints the PASID, of 20 bits, as the domain.
    CHECK(
        rows("AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:1f.0 domain=0x12345 address=0x1000 flags=0x0001]\n") ==
        "Code 2; DeviceID 0xf8; PASID 0x12345; GN 1; Address 0x1000");
    CHECK(holds(decoded("AMD-Vi: Event logged [PAGE_TAB_HARDWARE_ERROR device=03:00.0 domain=0x0001 address=0x4000 "
                        "flags=0x0420]\n"),
                "entry at 0x4000, target abort"));
    // The PASID of a page request stands in bits 31:16 and 45:42, its tag in 41:32.
    const std::string request =
        "AMD-Vi: Event logged [INVALID_PPR_REQUEST device=0000:03:00.0 pasid=0x12345 address=0x1000 flags=0x0020 "
        "tag=0x001]\n";
    const auto records = find_records(request, "x", nullptr);
    CHECK(records.at(0).words == Words{0x9020040123450300, 0x1000});
    CHECK(
        holds(decoded(request), "INVALID_PPR_REQUEST, device 03:00.0 (0x300), page at 0x1000, PASID 0x12345, tag 0x1"));
    CHECK(holds(decoded(request), "a page request (PRI)"));
    CHECK(rows(request) == "Code 9; DeviceID 0x300; PASID 0x12345; PPRTag 0x1; Flags 0x20; Address 0x1000");
}

TEST_CASE("decode: what else ILLEGAL_DEV_TABLE_ENTRY may mean", "[study][decode]") {
    const std::string start =
        "AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=0000:43:00.0 pasid=0x00000 address=0x1";
    CHECK(holds(decoded(start + " flags=0x0020]\n"), "or is 0 with TV set while SNP is on"));
    CHECK(holds(decoded(start + " flags=0x0080]\n"),
                "a bit whose feature the control register has off (PPR while EPHEn"));
}

// The first: Linux 6.17's commit about identity domains; the second: AMD's answer of May 2022; the third: Linux
// 6.14's commit about EPHEn, which is not set again after suspend.
TEST_CASE("decode: AMD-Vi's dumps are records, and name the bit of the event", "[study][decode]") {
    const std::string snp =
        "  iommu ivhd3: AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=0000:43:00.0 pasid=0x00000 "
        "address=0x3737b01000 flags=0x0020]\n"
        "  iommu ivhd3: AMD-Vi: Control Reg : 0xc22000142148d\n"
        "  AMD-Vi: DTE[0]: 6000000000000003\n"
        "  AMD-Vi: DTE[1]: 0000000000000001\n"
        "  AMD-Vi: DTE[2]: 2000003088b3e013\n"
        "  AMD-Vi: DTE[3]: 0000000000000000\n";
    CHECK(kinds(snp) == std::vector<std::string>{"event", "control", "dte"});
    const auto records = find_records(snp, "x", nullptr);
    CHECK(records[2].words == Words{0x6000000000000003, 1, 0x2000003088b3e013, 0});
    CHECK(*records[2].where.line == 3);
    CHECK(records[2].said == std::vector<std::string>{"TV is set with a Mode of 0, which is illegal while SNP is on"});
    CHECK(rows("  iommu ivhd3: AMD-Vi: Control Reg : 0xc22000142148d\n") ==
          "IommuEn 1; EventLogEn 1; EventIntEn 1; InvTimeOut 4 (1 s); Coherent 1; CmdBufEn 1; GAEn 1; EPHEn 1; XTEn 1; "
          "IntCapXTEn 1");
    CHECK(holds(decoded("[  +0.000108] iommu ivhd0: AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=c0:00.1 "
                        "pasid=0x00000 address=0xfffffffdf8140000 flags=0x0008]\n"
                        "[  +0.000011] AMD-Vi: DTE[0]: 0000000000000003\n"
                        "[  +0.000003] AMD-Vi: DTE[1]: 0000000000000000\n"
                        "[  +0.000002] AMD-Vi: DTE[2]: 2008000100258013\n"
                        "[  +0.000001] AMD-Vi: DTE[3]: 0000000000000000\n"),
                "TV is set with a Mode of 0, which is illegal while SNP is on"));
    const std::string event =
        "Nov 14 11:52:19 Thinkbook kernel: iommu ivhd0: AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY "
        "device=0000:06:00.0 pasid=0x00000 address=0x135300000 flags=0x0080]\n";
    const std::string entry =
        "Nov 14 11:52:19 Thinkbook kernel: AMD-Vi: DTE[0]: 7d90000000000003\n"
        "Nov 14 11:52:19 Thinkbook kernel: AMD-Vi: DTE[1]: 0000100103fc0009\n"
        "Nov 14 11:52:19 Thinkbook kernel: AMD-Vi: DTE[2]: 2000000117840013\n"
        "Nov 14 11:52:19 Thinkbook kernel: AMD-Vi: DTE[3]: 0000000000000000\n";
    CHECK(holds(decoded(event + entry), "PPR is set: a reserved bit if the control register has EPHEn (bit 45) off"));
    CHECK(holds(decoded(event + "AMD-Vi: Control Reg : 0x2148d\n" + entry),
                "PPR is set, and the control register has EPHEn off: a reserved bit then"));
    CHECK_FALSE(holds(decoded(event + "AMD-Vi: Control Reg : 0x20000002148d\n" + entry), "PPR is set"));
    CHECK_FALSE(holds(decoded(entry), "PPR is set"));
    const std::string command =
        "[   57.0] AMD-Vi: Event logged [ILLEGAL_COMMAND_ERROR address=0x00000000c8015050]\n"
        "[   69.0] AMD-Vi: CMD[0]: 00000001\n[   69.0] AMD-Vi: CMD[1]: f0000000\n"
        "[   69.0] AMD-Vi: CMD[2]: 00000000\n[   69.0] AMD-Vi: CMD[3]: 00000000\n";
    CHECK(kinds(command) == std::vector<std::string>{"event", "command"});
    CHECK(find_records(command, "x", nullptr)[1].words == Words{0xf000000000000001, 0});
    CHECK(holds(decoded(command), "illegal: ILLEGAL_COMMAND_ERROR"));
}

TEST_CASE("decode: a dump that is cut off or mixed with another says so", "[study][decode]") {
    const std::string two = "AMD-Vi: DTE[0]: 6000000000000003\nusb 1-1: reset\nAMD-Vi: DTE[1]: 0000000000000001\n";
    const auto cut = find_records(two, "x", nullptr);
    REQUIRE(cut.size() == 1);
    CHECK(cut[0].words == Words{0x6000000000000003, 1, 0, 0});
    CHECK(cut[0].said == std::vector<std::string>{"the log has 2 of its 4 words; the others read as 0"});
    // The next entry begins a record of its own, as does one far below.
    CHECK(kinds(two + two) == std::vector<std::string>{"dte", "dte"});
    std::string far = two;
    for (int i = 0; i < 20; ++i) far += "usb 1-1: reset\n";
    CHECK(kinds(far + "AMD-Vi: DTE[2]: 0000000000000005\n") == std::vector<std::string>{"dte", "dte"});
}

TEST_CASE("decode: AMD-Vi's events that the kernel or the model does not name", "[study][decode]") {
    const std::string unknown = decoded(
        "AMD-Vi: Event logged [UNKNOWN event[0]=0x00000300 event[1]=0xa0000000 event[2]=0x00000007 "
        "event[3]=0x00000001\n");
    CHECK(holds(unknown, "EVENT_COUNTER_ZERO"));
    CHECK(holds(unknown, "0xa000000000000300 0x0000000100000007"));
    CHECK(holds(decoded("iommu ivhd0: AMD-Vi: Event logged [UNKNOWN event[0]=0x00000000, event[1]=0x00000000, "
                        "event[2]=0x00000000, event[3]=0x00000000]\n"),
                "had not been written yet"));
    const std::string fault =
        "xhci_hcd 0000:02:00.0: AMD-Vi: Event logged [RMP_PAGE_FAULT vmg_tag=0x0007, gpa=0x1000, flags_rmp=0x0002, "
        "flags=0x0020]\n";
    CHECK(holds(decoded(fault), "RMP_PAGE_FAULT, device 02:00.0 (0x200), write to guest address 0x1000"));
    CHECK(holds(decoded(fault), "SEV-SNP: the reverse map table"));
    CHECK(find_records(fault, "x", nullptr)[0].words == Words{0xd020000700020200, 0x1000});
    CHECK(rows(fault) == "Code 13; DeviceID 0x200; VMGTag 0x7; RMPFlags 0x2; Flags 0x20; Address 0x1000");
    CHECK(holds(decoded("AMD-Vi: Event logged [RMP_HW_ERROR device=0000:02:00.0, vmg_tag=0x0000, spa=0x1000, "
                        "flags=0x0000]\n"),
                "RMP_HARDWARE_ERROR, device 02:00.0 (0x200), entry at 0x1000"));
    CHECK(holds(decoded("AMD-Vi: Event logged [RMP_HW_ERROR vmg_tag=0x0000, spa=0x1000, flags=0x0000]\n"),
                "the line does not say which device it was"));
    // Kernels up to 4.20 broke these lines, too.
    CHECK(kinds("AMD-Vi: Event logged [\nIOTLB_INV_TIMEOUT device=07:00.0 address=0x0000000400d7e1c0]\n"
                "AMD-Vi: Event logged [\nILLEGAL_COMMAND_ERROR address=0x00000000c8015050]\n")
              .size() == 2);
    // Xen's older formats.
    CHECK(holds(decoded("(XEN) AMD-Vi: IO_PAGE_FAULT: domain = 0, device id = 0x2600, fault address = "
                        "0xfffffffdf8000000, flags = 0x8\n"),
                "IO_PAGE_FAULT, device 26:00.0 (0x2600), message 0xfffffffdf8000000, domain 0x0"));
    CHECK(holds(decoded("(XEN) AMD-Vi: IO_PAGE_FAULT: domain:3, device 0000:06:00.0, fault address 0x8c9f0000, flags "
                        "0x10 \n"),
                "IO_PAGE_FAULT, device 06:00.0 (0x600), read of 0x8c9f0000, domain 0x3"));
}

TEST_CASE("decode: a line that tells of a fault and holds no record says what it means", "[study][decode]") {
    const std::string line = "[    1.864369] AMD-Vi: Completion-Wait loop timed out\n";
    const std::string text = decoded(line + line + line);
    CHECK(text.find("Without a record\n  x:1: [    1.864369] AMD-Vi: Completion-Wait loop timed out\n") == 0);
    const std::string meaning = "a COMPLETION_WAIT did not come back";
    CHECK(holds(text, meaning));
    CHECK(text.find(meaning) == text.rfind(meaning));  // once for the same line again and again
    CHECK(holds(text, "x:3: "));
    CHECK_FALSE(holds(text, "Not understood"));
    std::vector<UnreadLine> unread;
    CHECK(find_records("AMD-Vi: IOMMU Event log overflow\n" + line + "dmar: a fault of a new kind\n", "x", nullptr,
                       &unread)
              .empty());
    const auto json = decode_json({}, unread);
    REQUIRE(json["without_record"].size() == 2);
    CHECK(json["without_record"][1]["line"] == 2);
    CHECK(holds(json["without_record"][1]["means"].get<std::string>(), meaning));
    CHECK(json["not_understood"].size() == 1);
    CHECK(decode_text({}, unread).find("Not understood\n  x:3: dmar: a fault") != std::string::npos);
}

// Linux amd/iommu.c: amd_iommu_restart_log(), __iommu_queue_command_sync(); amd/init.c: init_iommu_perf_ctr(),
// check_ioapic_information().
TEST_CASE("decode: AMD-Vi's lines without a record say what they mean", "[study][decode]") {
    const std::pair<const char*, const char*> lines[] = {
        {"AMD-Vi: IOMMU event log overflow", "events came faster"},
        {"AMD-Vi: IOMMU Event log restarting", "events came faster"},
        {"AMD-Vi: IOMMU PPR log restarting", "page requests came faster"},
        {"AMD-Vi: IOMMU GA Log overflow", "interrupts for guests"},
        {"AMD-Vi: Command buffer timeout", "the command buffer stayed full"},
        {"pci 0000:00:00.2: AMD-Vi: Unable to read/write to IOMMU perf counter.", "translation is not touched"},
        {"AMD-Vi: [Firmware Bug]: : IOAPIC[4] not in IVRS table", "leaves out an IO-APIC"},
        {"[Firmware Bug]: AMD-Vi: No southbridge IOAPIC found", "leaves out an IO-APIC"}};
    for (const auto& [line, part] : lines) {
        INFO(line);
        std::vector<UnreadLine> unread;
        CHECK(find_records(line, "x", nullptr, &unread).empty());
        REQUIRE(unread.size() == 1);
        CHECK(holds(unread.front().meaning, part));
    }
}
