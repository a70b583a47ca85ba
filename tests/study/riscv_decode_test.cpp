// `xlate decode` of the RISC-V IOMMU's records. Words: docs/spec/iommu-hardware.md, sections 13 and 17.
#include <catch2/catch.hpp>

#include "study/decode/decode.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

std::string read(const std::string& text, const char* kind) {
    std::string all;
    const RecordKind* known = kind == nullptr ? nullptr : find_record_kind(kind);
    for (const DecodedRecord& record : find_records(text, "x", known)) {
        all += (all.empty() ? "" : " / ") + record.kind->read(record.words).headline;
    }
    return all;
}

}  // namespace

TEST_CASE("decode: RISC-V fault records, commands, contexts and table words", "[study][decode]") {
    CHECK(read("0x000010080000000D 0x0 0xDEADB000 0x0", "riscv.fault") ==
          "read page fault, device 0x10 (00:02.0), iova 0xdeadb000");
    CHECK(read("0x0000990C00000102 0x0 0x0 0x0", "riscv.fault") == "DDT entry not valid, device 0x99 (00:13.1)");
    CHECK(read("0x0000000100012401 0x10080400", "riscv.command") == "IOTINVAL.VMA PSCID 18 0x40201000");
    CHECK(read("0x0000000100003402 0x20008004", "riscv.command") == "IOFENCE.C, writes 0x1 to 0x80020010");
    CHECK(read("0x1 0x0 0x12000 0x8000000000082000", "riscv.context") == "Sv39 tables at 0x82000000, PSCID 18");
    CHECK(read("0x0 0x0 0x0 0x0", "riscv.context") == "not valid: accesses end in cause 258");
    CHECK(read("0x00000001159E24D7", "riscv.pte") == "a page at 0x456789000, rw-, user");
    CHECK(read("0x0000000020000401", "riscv.pte") == "a table at 0x80001000");
}

TEST_CASE("decode: what Linux's RISC-V IOMMU driver prints of a fault", "[study][decode]") {
    const std::string line =
        "[   10.000210] riscv,iommu 1bccd000.iommu: Fault 258 devid: 0x229 iotval: 44237600 iotval2: 0";
    CHECK(read(line, nullptr) == "DDT entry not valid, device 0x229 (02:05.1), iova 0x44237600");
    const auto records = find_records(line, "x", nullptr);
    REQUIRE(records.size() == 1);
    CHECK_FALSE(records[0].kind->read(records[0].words).notes.empty());
}
