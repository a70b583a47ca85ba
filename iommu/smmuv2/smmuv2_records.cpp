// Fault registers of SMMUv1 and SMMUv2. Source: docs/spec/iommu-hardware.md section 2.
#include <fmt/format.h>

#include "iommu/records/record.hpp"
#include "iommu/smmuv2/layout.hpp"
#include "iommu/smmuv2/log_reader.hpp"

namespace xlate::iommu::records {
namespace {

namespace smmu = iommu::smmuv2;
using Show = RecordField::Show;

RecordField row(std::string_view name, unsigned word, const Field& field, Show show = Show::flag,
                std::string_view values = {}) {
    return {name, word, field.lsb, field.width, show, values};
}

struct Bit {
    Field field;
    const char* text;
};

template <std::size_t N>
std::string texts(const Bit (&bits)[N], std::uint64_t word) {
    std::string all;
    for (const Bit& bit : bits) {
        if (bit.field.test(word)) all += (all.empty() ? "" : ", ") + std::string(bit.text);
    }
    return all;
}

/// FSR, FSYNR0, FAR (64 bits), CBFRSYNRA: as many as are known.
Reading read_context_fault(const Words& words) {
    namespace fsr = smmu::fsr;
    namespace fsynr0 = smmu::fsynr0;
    constexpr Bit kFaults[] = {{fsr::TF, "translation fault"},      {fsr::AFF, "access flag fault"},
                               {fsr::PF, "permission fault"},       {fsr::EF, "external fault"},
                               {fsr::TLBMCF, "TLB match conflict"}, {fsr::TLBLKF, "TLB lock fault"},
                               {fsr::ASF, "address size fault"},    {fsr::UUT, "unsupported upstream transaction"}};
    constexpr const char* kFormats[] = {"AArch32 short", "AArch32 long", "AArch64", "reserved format"};
    Reading reading;
    const std::string faults = texts(kFaults, words[0]);
    if (faults.empty()) {
        reading.headline = "no fault bit is set";
        if (words.size() > 2) reading.headline += fmt::format(", iova {:#x}", words[2]);
        return reading;
    }
    reading.headline = fmt::format("{} ({} tables)", faults, kFormats[fsr::FORMAT.get(words[0])]);
    if (words.size() > 1) {
        reading.headline +=
            fmt::format(", {}, {}, {}, level {}", fsynr0::WNR.test(words[1]) ? "write" : "read",
                        fsynr0::PNU.test(words[1]) ? "privileged" : "unprivileged",
                        fsynr0::IND.test(words[1]) ? "instruction" : "data", fsynr0::PLVL.get(words[1]));
        if (fsynr0::PTWF.test(words[1])) reading.notes.emplace_back("the fault was met while a table was read (PTWF)");
    }
    if (words.size() > 3) {
        const std::uint64_t sid = smmu::cbfrsynra::SID.get(words[3]);
        reading.headline += fmt::format(", sid {:#x}", sid);
        reading.notes.push_back(fmt::format("sid {:#x} is {} as a PCI requester id", sid, requester_text(sid)));
    }
    if (words.size() > 2) reading.headline += fmt::format(", iova {:#x}", words[2]);
    if (fsr::SS.test(words[0])) reading.notes.emplace_back("the transaction is stalled and waits for RESUME (SS)");
    if (fsr::MULTI.test(words[0]))
        reading.notes.emplace_back(
            "there were more faults than this one; address and syndrome are those of the first (MULTI)");
    if (fsr::TF.test(words[0]))
        reading.notes.emplace_back("no mapping: never mapped, unmapped too early, or an address that is not an IOVA");
    return reading;
}

/// sGFSR, sGFSYNR0, sGFSYNR1.
Reading read_global_fault(const Words& words) {
    namespace gfsr = smmu::gfsr;
    constexpr Bit kFaults[] = {{gfsr::ICF, "invalid context fault"},
                               {gfsr::USF, "unidentified stream"},
                               {gfsr::SMCF, "stream match conflict"},
                               {gfsr::UCBF, "unimplemented context bank"},
                               {gfsr::UCIF, "unimplemented context interrupt"},
                               {gfsr::CAF, "configuration access fault"},
                               {gfsr::EF, "external fault"},
                               {gfsr::PF, "permission fault"},
                               {gfsr::UUT, "unsupported upstream transaction"}};
    Reading reading;
    reading.headline = texts(kFaults, words[0]);
    if (reading.headline.empty()) reading.headline = "no fault";
    if (words.size() > 1) {
        reading.headline += fmt::format(", {}, {}, {}", smmu::gfsynr0::WNR.test(words[1]) ? "write" : "read",
                                        smmu::gfsynr0::PNU.test(words[1]) ? "privileged" : "unprivileged",
                                        smmu::gfsynr0::IND.test(words[1]) ? "instruction" : "data");
    }
    if (words.size() > 2) {
        const std::uint64_t sid = smmu::gfsynr1::STREAMID.get(words[2]);
        reading.headline += fmt::format(", sid {:#x}", sid);
        reading.notes.push_back(fmt::format("sid {:#x} is {} as a PCI requester id", sid, requester_text(sid)));
    }
    if (gfsr::USF.test(words[0]))
        reading.notes.emplace_back(
            "no stream match register has this id: firmware does not say whose it is, or no driver has attached it");
    if (gfsr::SMCF.test(words[0])) reading.notes.emplace_back("several stream match registers have this id");
    if (gfsr::MULTI.test(words[0])) reading.notes.emplace_back("there were more than this one (MULTI)");
    return reading;
}

}  // namespace

std::vector<RecordFamily> smmuv2_records() {
    namespace fsr = smmu::fsr;
    namespace fsynr0 = smmu::fsynr0;
    namespace gfsr = smmu::gfsr;
    RecordFamily family{"smmuv2", {}};
    family.reader = smmu::make_log_reader;
    family.meaning = smmu::line_meaning;
    family.place = 1;
    const std::vector<RecordField> fault{
        row("TF", 0, fsr::TF),
        row("AFF", 0, fsr::AFF),
        row("PF", 0, fsr::PF),
        row("EF", 0, fsr::EF),
        row("TLBMCF", 0, fsr::TLBMCF),
        row("TLBLKF", 0, fsr::TLBLKF),
        row("ASF", 0, fsr::ASF),
        row("UUT", 0, fsr::UUT),
        row("FORMAT", 0, fsr::FORMAT, Show::number, "0 AArch32 short|1 AArch32 long|2 AArch64"),
        row("SS", 0, fsr::SS),
        row("MULTI", 0, fsr::MULTI)};
    std::vector<RecordField> whole = fault;
    for (const RecordField& field :
         {row("PLVL", 1, fsynr0::PLVL, Show::number), row("WNR", 1, fsynr0::WNR, Show::flag, "0 read|1 write"),
          row("PNU", 1, fsynr0::PNU, Show::flag, "0 unprivileged|1 privileged"),
          row("IND", 1, fsynr0::IND, Show::flag, "0 data|1 instruction"), row("NSATTR", 1, fsynr0::NSATTR),
          row("PTWF", 1, fsynr0::PTWF), row("AFR", 1, fsynr0::AFR), row("S1CBNDX", 1, fsynr0::S1CBNDX, Show::number),
          row("SID", 3, smmu::cbfrsynra::SID, Show::hex)})
        whole.push_back(field);
    // As many words as are known: a field of one that is missing is not shown.
    for (RecordField& field : whole) {
        if (field.word == 1) field.when = [](const Words& words) { return words.size() > 1; };
        if (field.word == 3) field.when = [](const Words& words) { return words.size() > 3; };
    }
    family.kinds.push_back({"fsr", "SMMUv2 context fault status (SMMU_CBn_FSR)", 1, 32, fault, read_context_fault});
    family.kinds.push_back(
        {"context-fault", "SMMUv2 context fault (FSR, FSYNR0, FAR, CBFRSYNRA)", 4, 64, whole, read_context_fault});
    family.kinds.push_back(
        {"gfsr",
         "SMMUv2 global fault status (SMMU_sGFSR)",
         1,
         32,
         {row("ICF", 0, gfsr::ICF), row("USF", 0, gfsr::USF), row("SMCF", 0, gfsr::SMCF), row("UCBF", 0, gfsr::UCBF),
          row("UCIF", 0, gfsr::UCIF), row("CAF", 0, gfsr::CAF), row("EF", 0, gfsr::EF), row("PF", 0, gfsr::PF),
          row("UUT", 0, gfsr::UUT), row("MULTI", 0, gfsr::MULTI)},
         read_global_fault});
    family.kinds.push_back(
        {"global-fault", "SMMUv2 global fault (sGFSR, sGFSYNR0, sGFSYNR1)", 3, 32, {}, read_global_fault});
    return {family};
}

}  // namespace xlate::iommu::records
