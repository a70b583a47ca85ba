// `xlate decode` of what kernels and QEMU print of faults of Arm's SMMUs. Fields of records: IHI 0070 section 7.3 and
// docs/spec/iommu-hardware.md 1.8, 2; lines: Linux's arm-smmu-v3.c, arm-smmu.c, tegra241-cmdqv.c, msm drm, Qualcomm's
// kernels, QEMU's hw/arm/smmuv3.c.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "study/decode/decode.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

std::vector<DecodedRecord> records_of(const std::string& text, std::vector<UnreadLine>* unread = nullptr) {
    return find_records(text, "x", nullptr, unread);
}

std::string headlines(const std::string& text) {
    std::string all;
    for (const DecodedRecord& record : records_of(text))
        all += (all.empty() ? "" : " / ") + record.kind->read(record.words).headline;
    return all;
}

bool says(const DecodedRecord& record, const std::string& part) {
    for (const std::string& line : record.said) {
        if (line.find(part) != std::string::npos) return true;
    }
    return false;
}

/// An event's DW1 with each field set that some record has; DW0's ids, the substream's valid (SSV, bit 11) or not.
constexpr std::uint64_t kDw1 = 0x0000118E80011234, kNone = 0x0000001000003000, kSsid = kNone | 0x800;

const std::string kV3 = "[   19.0] arm-smmu-v3 arm-smmu-v3.3.auto: ";
const std::string kV2 = "[   12.3] arm-smmu 15000000.apps-smmu: ";

}  // namespace

TEST_CASE("decode: events by name keep their fetch address", "[study][decode]") {
    for (const char* const name : {"F_STE_FETCH", "F_CD_FETCH", "F_VMS_FETCH"}) {
        const auto records = records_of(kV3 + "event: " + name +
                                        " client: (unassigned sid) sid: 0x100 ssid: 0x0 fetch_addr: 0x8f0000040\n");
        REQUIRE(records.size() == 1);
        CHECK(records[0].words.at(3) == 0x8f0000040);  // FetchAddr, bits 243:195
        CHECK(records[0].kind->read(records[0].words).headline ==
              std::string(name) + ", sid 0x100, fetch address 0x8f0000040");
        CHECK(records[0].said == std::vector<std::string>{"the driver knows no device with this sid"});
    }
    // Of these the driver prints the ids alone, and their records hold more.
    const auto abort = records_of(kV3 + "event: F_WALK_EABT client: 0000:01:00.0 sid: 0x100 ssid: 0x0\n");
    CHECK(says(abort.at(0), "the line gives sid and ssid alone"));
    CHECK(records_of(kV3 + "event: C_BAD_STE client: a sid: 0x100 ssid: 0x0\n").at(0).said ==
          std::vector<std::string>{"of a"});
    CHECK(says(records_of(kV3 + "event: UNKNOWN client: a sid: 0x100 ssid: 0x0\n").at(0), "does not know this type"));
}

// IHI 0070 section 7.3.2 to 7.3.21: each event's record has fields of its own.
TEST_CASE("decode: an event shows the fields that its record has", "[study][decode]") {
    const auto fields = [](const Words& words) {
        std::string all;
        for (const std::string& text : field_texts(*find_record_kind("smmuv3.event"), words))
            all += (all.empty() ? "" : " ") + text.substr(0, text.find(' '));
        return all;
    };
    const auto of = [&](std::uint64_t type, std::uint64_t ids = kNone, std::uint64_t dw1 = kDw1) {
        return fields({ids | type, dw1, 0x5000, 0x6000});
    };
    CHECK(of(0x01) == "TYPE SSV SID REASON PnU InD RnW InputAddr");                          // F_UUT
    CHECK(of(0x02) == "TYPE SSV SID");                                                       // C_BAD_STREAMID
    CHECK(of(0x02, kSsid) == "TYPE SSV SSID SID");                                           //
    CHECK(of(0x03) == "TYPE SSV SID REASON GPCF FetchAddr");                                 // F_STE_FETCH
    CHECK(of(0x04) == "TYPE SSV SID");                                                       // C_BAD_STE
    CHECK(of(0x06, kSsid) == "TYPE SID");                                                    // F_STREAM_DISABLED
    CHECK(of(0x07) == "TYPE SSV SID RnW InputAddr");                                         // F_TRANSL_FORBIDDEN
    CHECK(of(0x08) == "TYPE SSID SID");                                                      // C_BAD_SUBSTREAMID
    CHECK(of(0x09, kSsid) == "TYPE SSV SSID SID REASON GPCF FetchAddr");                     // F_CD_FETCH
    CHECK(of(0x0A) == "TYPE SSV SID");                                                       // C_BAD_CD
    CHECK(of(0x0B) == "TYPE SSV SID REASON GPCF PnU InD RnW S2 CLASS InputAddr FetchAddr");  // F_WALK_EABT
    CHECK(of(0x10) == "TYPE SSV SID STAG STALL PnU InD RnW S2 CLASS InputAddr IPA");         // F_TRANSLATION
    CHECK(of(0x10, kNone, 0x0000020800000000) == "TYPE SSV SID PnU InD RnW S2 CLASS InputAddr");
    CHECK(of(0x13) == "TYPE SSV SID STAG STALL PnU InD RnW S2 CLASS TTRnW InputAddr IPA");  // F_PERMISSION
    CHECK(of(0x13, kNone, 0x0000020800000000) == "TYPE SSV SID PnU InD RnW S2 CLASS InputAddr");
    CHECK(of(0x20) == "TYPE SSV SID REASON PnU InD RnW S2 InputAddr IPA");           // F_TLB_CONFLICT
    CHECK(of(0x21) == "TYPE SSV SID REASON");                                        // F_CFG_CONFLICT
    CHECK(of(0x24, kNone, 0x0003008000000000) == "TYPE SSV SID pR Span InputAddr");  // E_PAGE_REQUEST
    CHECK(of(0x25) == "TYPE SSV SID REASON GPCF FetchAddr");                         // F_VMS_FETCH
    CHECK(of(0xE5) == "TYPE");                                                       // what its implementation says
    const auto headline = [](const Words& words) { return find_record_kind("smmuv3.event")->read(words).headline; };
    CHECK(headline({0x0000001000000007, 0x0000000800000000, 0x5000, 0}) ==
          "F_TRANSL_FORBIDDEN, sid 0x10, read, iova 0x5000");
    // docs/spec/iommu-hardware.md, vectors of section 13: an update of a table entry that stage 2 refused.
    const auto notes =
        find_record_kind("smmuv3.event")->read({0x0000001000000013, 0x0000018800000000, 0x5000, 0x50002000}).notes;
    CHECK(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
        return note.find("a write of that entry (TTRnW 0)") != note.npos;
    }));
}

// F_PERMISSION: TTRnW is bit 108.
TEST_CASE("decode: events by name say whether a table entry was read or written", "[study][decode]") {
    const std::string first =
        kV3 + "event: F_PERMISSION client: a sid: 0x100 ssid: 0x1 iova: 0xffffe000 ipa: 0x8f0001000\n";
    const auto words = [&](const std::string& access) { return records_of(first + kV3 + access).at(0).words.at(1); };
    const std::string table = "priv inst read s2 \"Stage 1 translation table fetch\"";
    CHECK(words(table + " ttd_read stall stag: 0x5\n") == 0x0000118E80000005);
    CHECK(words(table + " ttd_write stall stag: 0x5\n") == 0x0000018E80000005);
    CHECK(words("priv inst read s2 \"Reserved\" stag: 0x0\n") == 0x0000038E00000000);
}

// PRIQ entry: SID 31:0, SSID 51:32, PRIV 58, EXEC 59, READ 60, WRITE 61, LAST 62, SSV 63, PRGIndex 72:64, address
// 127:76.
TEST_CASE("decode: page requests that no driver expects", "[study][decode]") {
    std::vector<UnreadLine> unread;
    const std::string first = kV3 + "unexpected PRI request received:\n";
    const auto one = records_of(
        first + kV3 + "\tsid 0x00000100.0x00001: [1L] unprivileged RW access at iova 0x0000000080000000\n", &unread);
    REQUIRE(one.size() == 1);
    CHECK(unread.empty());
    CHECK(one[0].kind->name == "page-request");
    CHECK(one[0].words == Words{0xF000000100000100, 0x80000001});
    CHECK(*one[0].where.line == 1);
    CHECK(headlines(first + kV3 + "\tsid 0x00000100.0x00000: [17] privileged X access at iova 0x0000000012345000\n") ==
          "page request, sid 0x100, execute, privileged, iova 0x12345000, group 17");
    // Each half alone: the second is a request, the first is named as not understood.
    CHECK(records_of(kV3 + "\tsid 0x00000100.0x00000: [2] privileged R access at iova 0x0000000012345000\n").size() ==
          1);
    CHECK(records_of(first + "usb 1-1: reset\n" + kV3 + "CMDQ error (cons 0x01000003): Illegal command\n", &unread)
              .size() == 1);
    CHECK(unread.size() == 1);
}

// CMDQ_CONS: ERR 30:24, RD 19:0.
TEST_CASE("decode: a CMD_SYNC that timed out shows where the command queue stands", "[study][decode]") {
    const std::string line = kV3 + "CMD_SYNC timeout at 0x00000005 [hwprod 0x00000006, hwcons 0x01000005]\n";
    CHECK(headlines(line) == "CERROR_ILL: the command is illegal, at position 0x5");
    CHECK(says(records_of(line).at(0), "the CMD_SYNC at position 0x5 did not complete in time; CMDQ_PROD is 0x6"));
    std::vector<UnreadLine> unread;
    CHECK(records_of(line + kV3 + "CMD_SYNC timeout\n", &unread).size() == 1);  // before Linux 5.4
    CHECK(unread.size() == 1);
}

// Linux arm-smmu-v3.c: arm_smmu_gerror_handler(), arm_smmu_evtq_thread(), arm_smmu_priq_thread(),
// arm_smmu_cmdq_issue_cmdlist(); arm-smmu.c: __arm_smmu_tlb_sync(), arm_smmu_iova_to_phys_hard().
TEST_CASE("decode: lines of Arm's SMMUs without a record say what they mean", "[study][decode]") {
    const std::pair<std::string, const char*> lines[] = {
        {kV3 + "EVTQ overflow detected -- events lost", "faults came faster than the kernel read them"},
        {kV3 + "PRIQ overflow detected -- requests lost", "the page request queue was full"},
        {kV3 + "device has entered Service Failure Mode!", "translates nothing any more"},
        {kV3 + "GERROR MSI write aborted", "of a global error"},
        {kV3 + "PRIQ MSI write aborted", "message (MSI) that there are page requests"},
        {kV3 + "EVTQ MSI write aborted", "message (MSI) that there are events"},
        {kV3 + "CMDQ MSI write aborted", "CMD_SYNC is done"},
        {kV3 + "PRIQ write aborted -- events may have been lost", "write of a page request"},
        {kV3 + "EVTQ write aborted -- events may have been lost", "write of an event"},
        {kV3 + "CMDQ timeout", "the command queue stayed full"},
        {kV3 + "CMD_SYNC timeout", "a CMD_SYNC did not complete in time"},
        {kV3 + "retrying command fetch", "CERROR_ABT"},
        {kV2 + "TLB sync timed out -- SMMU may be deadlocked", "an invalidation did not complete in time"},
        {kV2 + "iova to phys timed out on 0x0000000012345000. Falling back to software table walk.",
         "no access of a device has failed"}};
    for (const auto& [line, part] : lines) {
        INFO(line);
        std::vector<UnreadLine> unread;
        CHECK(records_of(line, &unread).empty());
        REQUIRE(unread.size() == 1);
        CHECK(unread.front().text == line);
        CHECK(unread.front().meaning.find(part) != std::string::npos);
    }
    // Those with a register are records: GERROR's bit 2 is EVENTQ_ABT, CMDQ_CONS has ERR in 30:24.
    CHECK(headlines(kV3 + "unexpected global error reported (0x00000004), this could be serious\n" + kV3 +
                    "EVTQ write aborted -- events may have been lost\n") == "EVENTQ_ABT");
    CHECK(headlines(kV3 + "CMDQ error (cons 0x02000003): Abort on command fetch\n" + kV3 +
                    "retrying command fetch\n") == "CERROR_ABT: the command could not be read, at position 0x3");
    // Another driver's queue is none of an SMMU's.
    CHECK_THROWS_AS(records_of("mtk-cmdq 10238000.mailbox: CMDQ timeout\n"), InputError);
}

TEST_CASE("decode: the second line of a page request is of the same SMMU", "[study][decode]") {
    const std::string first = kV3 + "unexpected PRI request received:\n";
    const std::string other =
        "[   19.0] arm-smmu-v3 arm-smmu-v3.4.auto: \tsid 0x00000100.0x00000: [2] privileged R access at iova "
        "0x0000000012345000\n";
    std::vector<UnreadLine> unread;
    const auto records = records_of(first + other, &unread);
    REQUIRE(records.size() == 1);
    CHECK(*records[0].where.line == 2);
    CHECK(unread.size() == 1);
}

TEST_CASE("decode: errors of Tegra241's command queues", "[study][decode]") {
    const std::string line =
        "tegra241-cmdqv NVDA200C:00: unexpected error reported. vintf_map: 0000000000000003, vcmdq_map "
        "80000000:00000000:00000000:00000005\n";
    CHECK(headlines(line) == "errors in virtual interface 0, 1, virtual command queue 0, 2, 127");
    CHECK(records_of(line).at(0).kind->name == "cmdqv-error");
    CHECK(find_record_kind("smmuv3.cmdqv-error")->read({0, 0, 0}).headline == "no error");
}

TEST_CASE("decode: QEMU's line of a failed translation is an event", "[study][decode]") {
    const std::string start = "smmuv3-iommu-memory-region-8-0 translation failed for iova=0xfffff000";
    const auto records = records_of(start + " (SMMU_EVT_F_TRANSLATION)\n");
    REQUIRE(records.size() == 1);
    CHECK(records[0].words == Words{0x0000000800000010, 0, 0xfffff000, 0});
    CHECK(says(records[0], "of function 01.0 of a bus that the line does not name"));
    // Before QEMU 7.1 without a space.
    CHECK(headlines(start + "(SMMU_EVT_C_BAD_STREAMID)\n") == "C_BAD_STREAMID, sid 0x8");
    CHECK(headlines(start + " (SMMU_EVT_F_TRANS_FORBIDDEN)\n").find("F_TRANSL_FORBIDDEN") == 0);
    CHECK(says(records_of(start + " (SMMU_EVT_ODD)\n").at(0), "QEMU calls it ODD"));
}

// FSR: TF 1, SS 30, FORMAT 10:9. FSYNR0: PLVL 1:0, WNR 4, S1CBNDX 23:16.
TEST_CASE("decode: context faults of Qualcomm's kernels", "[study][decode]") {
    const std::string fault = kV2 +
                              "Unhandled context fault: iova=0xdeadb000, cb=18, fsr=0x402, fsynr0=0x360001, "
                              "fsynr1=0x10200000\n";
    const std::string registers = kV2 + "FAR    = 0x00000000deadb000\n" + kV2 + "PAR    = 0x0000000000000003\n" + kV2 +
                                  "FSR    = 0x00000402 [TF R SS ]\n";
    const std::string whole =
        "translation fault (AArch64 tables), read, unprivileged, data, level 1, sid 0x1020, iova 0xdeadb000";
    std::vector<UnreadLine> unread;
    // Up to 5.4: the registers before or behind the line, and who it was behind that.
    for (const std::string& text :
         {fault + registers + kV2 + "SSD=0x0 SID=0x1020\n", registers + fault + kV2 + "SSD=0x0 SID=0x1020\n"}) {
        const auto records = records_of(text, &unread);
        REQUIRE(records.size() == 1);
        CHECK(records[0].words == Words{0x402, 0x360001, 0xdeadb000, 0x1020});
        CHECK(records[0].kind->read(records[0].words).headline == whole);
        CHECK(says(records[0], "context bank 18"));
        CHECK(says(records[0], "FSYNR1 0x10200000"));
        CHECK(says(records[0], "PAR = 0x0000000000000003"));
    }
    // Without the line of who it was, there is no SID to show.
    const auto no_sid = records_of(fault);
    for (const std::string& text : field_texts(*no_sid.at(0).kind, no_sid.at(0).words)) CHECK(text.find("SID") != 0);
    CHECK(unread.empty());
    // From 5.10 on: register by register.
    const std::string start = kV2 + "Unhandled arm-smmu context fault from soc:qcom,cam_smmu:msm_cam_smmu_ife!\n";
    const std::string newer = start + registers + kV2 + "FSYNR0    = 0x360001\n" + kV2 + "FSYNR1    = 0x10200000\n" +
                              kV2 + "context bank#    = 0x12\n" + kV2 + "SID = 0x1020\n" + kV2 +
                              "soft iova-to-phys=0x0000000000000000\n";
    const auto records = records_of(newer + newer, &unread);
    REQUIRE(records.size() == 2);
    CHECK(unread.empty());
    for (const DecodedRecord& record : records) {
        CHECK(record.kind->read(record.words).headline == whole);
        CHECK(says(record, "of soc:qcom,cam_smmu:msm_cam_smmu_ife"));
        CHECK(says(record, "soft iova-to-phys=0x0000000000000000"));
        CHECK_FALSE(says(record, "does not give"));
    }
    // What is not there is named.
    const auto cut = records_of(start);
    REQUIRE(cut.size() == 1);
    CHECK(says(cut[0], "the log does not give FSR"));
    CHECK(cut[0].kind->read(cut[0].words).headline == "no fault bit is set");
    CHECK(says(records_of(registers).at(0), "the log does not give FSYNR0"));
}

TEST_CASE("decode: lines of the registers of one context fault are one record", "[study][decode]") {
    // Linux from 6.14 on: three lines a fault.
    const std::string one = kV2 +
                            "Unhandled context fault: fsr=0x402, iova=0x9c4b9000, fsynr=0x7c0020, cbfrsynra=0x800, "
                            "cb=7\n" +
                            kV2 + "FSR    = 00000402 [Format=2 TF], SID=0x800\n" + kV2 +
                            "FSYNR0 = 007c0020 [S1CBNDX=124 PNU PLVL=0]\n";
    CHECK(records_of(one).size() == 1);
    CHECK(records_of(one + one).size() == 2);
    // Another SMMU's are another fault's, and so is a register that differs.
    const std::string other = "[   12.3] arm-smmu 5000000.iommu: FSR    = 00000402 [Format=2 TF], SID=0x9\n";
    const auto two = records_of(one + other);
    REQUIRE(two.size() == 2);
    CHECK(two[1].kind->name == "fsr");
    CHECK(says(two[1], "sid 0x9"));
    CHECK(records_of(one + kV2 + "FSR    = 00000008 [PF ], SID=0x800\n").size() == 2);
}

// The line that a public report of a Xiaomi Pad 5 (SM8150) has.
TEST_CASE("decode: faults that the driver of a Qualcomm GPU tells of", "[study][decode]") {
    const std::string line =
        "[  443.5] *** gpu fault: ttbr0=000000014533e000 iova=0000000101600000 dir=READ type=TRANSLATION source=CCU "
        "(0,0,0,1)\n";
    const auto records = records_of(line);
    REQUIRE(records.size() == 1);
    CHECK(records[0].words == Words{0x402, 0, 0x101600000});
    CHECK(says(records[0], "source=CCU"));
    CHECK(says(records[0], "of privilege, data or instruction, and level the line says nothing"));
    CHECK(records_of("*** gpu fault: ttbr0=0 iova=1000 dir=WRITE type=PERMISSION source=CP (0,0,0,0)\n").at(0).words ==
          Words{0x408, 0x10, 0x1000});
    const auto plain = records_of("*** fault: iova=           12340000, flags=1\n");
    CHECK(plain.at(0).words == Words{0x400, 0x10, 0x12340000});
    CHECK(says(plain.at(0), "the line does not say what fault it is"));
}
