// Descriptors of VT-d's invalidation queue, and the register that tells of its errors and of faults.
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "iommu/intel/vtd.hpp"
#include "iommu/intel/vtd_records.hpp"

namespace xlate::iommu::records::vtd_queue {
namespace {

namespace vtd = iommu::vtd;
namespace qi = iommu::vtd::qi;
namespace fsts = iommu::vtd::fsts;
using Show = RecordField::Show;
using Type = vtd::DescriptorType;

Type type_of(const Words& words) { return static_cast<Type>(qi::TYPE.get(words[0])); }

template <Type... Types>
bool of_type(const Words& words) {
    return ((type_of(words) == Types) || ...);
}

std::uint64_t pfsid(const Words& words) {
    return qi::PFSID_LOW.get(words[0]) | qi::PFSID_HIGH.get(words[0]) << qi::PFSID_LOW.width;
}

std::string size_text(unsigned log2) {
    constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    return fmt::format("{} {}", std::uint64_t{1} << log2 % 10, kUnits[log2 / 10]);
}

/// As PCIe codes ranges: with S the lowest zero bit at or above 12 says the size, twice its own weight.
std::string coded_range(std::uint64_t word, bool s) {
    const std::uint64_t address = qi::page(word);
    if (!s) return fmt::format(", 4 KiB at {:#x}", address);
    unsigned bit = 12;
    while (bit < 63 && (address >> bit & 1) != 0) ++bit;
    if (bit == 63) return ", all addresses";
    return fmt::format(", {} at {:#x}", size_text(bit + 1), address & ~low_mask(bit + 1));
}

std::string device_text(std::uint64_t id) { return fmt::format(", device {} ({:#x})", requester_text(id), id); }

std::string pages_text(std::uint64_t high) {
    const std::uint64_t log2 = qi::AM.get(high);
    const std::string many = log2 == 0   ? "1 page"
                             : log2 < 52 ? fmt::format("{} pages", std::uint64_t{1} << log2)
                                         : fmt::format("2^{} pages", log2);
    return fmt::format(", {} at {:#x}{}", many, qi::page(high), qi::IH.test(high) ? ", leaves alone (IH)" : "");
}

}  // namespace

Reading read_descriptor(const Words& words) {
    const std::uint64_t low = words[0], high = words[1];
    const Type type = type_of(words);
    const std::uint64_t granularity = qi::G.get(low);
    const auto code = static_cast<std::uint16_t>(qi::TYPE.get(low) << 2 | granularity);
    Reading reading;
    reading.headline = vtd::descriptor_name(code);
    const auto did = [&] { reading.headline += fmt::format(", DID {}", qi::DID.get(low)); };
    const auto pasid = [&] { reading.headline += fmt::format(", PASID {:#x}", qi::PASID.get(low)); };
    switch (type) {
        case Type::context_cache:
            if (granularity != qi::GLOBAL) did();
            if (granularity == qi::DEVICE) reading.headline += device_text(qi::CC_SID.get(low));
            break;
        case Type::iotlb:
            if (granularity != qi::GLOBAL) did();
            if (granularity == qi::PAGE) reading.headline += pages_text(high);
            break;
        case Type::device_tlb:
            reading.headline += device_text(qi::SID.get(low)) + coded_range(high, qi::S.test(high));
            break;
        case Type::interrupt_entry_cache:
            reading.headline = "interrupt entry cache";
            reading.headline +=
                qi::IEC_G.test(low)
                    ? fmt::format(", {} entries from {:#x}", std::uint64_t{1} << qi::IM.get(low), qi::IIDX.get(low))
                    : ", all of it";
            break;
        case Type::wait:
            reading.headline = "wait";
            if (qi::SW.test(low))
                reading.headline += fmt::format(", writes {:#x} to {:#x}", qi::STATUS.get(low), high & ~low_mask(2));
            if (qi::IF.test(low)) reading.headline += ", interrupts";
            if (qi::FN.test(low)) reading.headline += ", fence";
            if (qi::PD.test(low)) reading.headline += ", drains page requests";
            break;
        case Type::pasid_iotlb:
            did();
            pasid();
            if (granularity == qi::PASID_PAGE) reading.headline += pages_text(high);
            break;
        case Type::pasid_cache:
            if (granularity != qi::PC_GLOBAL) did();
            if (granularity == qi::PC_PASID) pasid();
            break;
        case Type::pasid_device_tlb:
            reading.headline += device_text(qi::P_SID.get(low));
            pasid();
            reading.headline += coded_range(high, qi::P_S.test(high));
            break;
        case Type::page_group_response:
            reading.headline += device_text(qi::RID.get(low)) + fmt::format(", group {}", qi::PRGI.get(high));
            break;
    }
    // Two words are all of a descriptor of 16 bytes, and the first ones of 32; of sizes, any may be a unit's.
    const vtd::Capabilities like = vtd::capabilities_by_name("scalable");
    vtd::VtdParams all;
    all.cap = vtd::cap::MAMV.set(like.cap, low_mask(vtd::cap::MAMV.width));
    all.ecap = like.ecap;
    if (vtd::illegal_descriptor({low, high, 0, 0}, all, true, true))
        reading.notes.emplace_back("illegal: the queue stops at it with FSTS.IQE");
    return reading;
}

std::vector<RecordField> descriptor_fields() {
    const auto row = [](std::string_view name, unsigned word, const Field& field, Show show,
                        bool (*when)(const Words&)) {
        return RecordField{name, word, field.lsb, field.width, show, {}, when};
    };
    RecordField function = row("PFSID", 0, {}, Show::hex, of_type<Type::device_tlb, Type::pasid_device_tlb>);
    function.pieces = pfsid;
    constexpr auto kPages = of_type<Type::iotlb, Type::pasid_iotlb>;
    constexpr auto kIec = of_type<Type::interrupt_entry_cache>;
    constexpr auto kWait = of_type<Type::wait>;
    constexpr auto kTlb = of_type<Type::device_tlb>;
    constexpr auto kPasidTlb = of_type<Type::pasid_device_tlb>;
    constexpr auto kResponse = of_type<Type::page_group_response>;
    return {row("type", 0, qi::TYPE, Show::number, nullptr),
            row("G", 0, qi::G, Show::number,
                of_type<Type::context_cache, Type::iotlb, Type::pasid_iotlb, Type::pasid_cache>),
            row("DID", 0, qi::DID, Show::number,
                of_type<Type::context_cache, Type::iotlb, Type::pasid_iotlb, Type::pasid_cache>),
            row("SID", 0, qi::CC_SID, Show::hex, of_type<Type::context_cache>),
            row("FM", 0, qi::CC_FM, Show::number, of_type<Type::context_cache>),
            row("DW", 0, qi::DW, Show::flag, of_type<Type::iotlb>),
            row("DR", 0, qi::DR, Show::flag, of_type<Type::iotlb>),
            row("MIP", 0, qi::QDEP, Show::number, kTlb),
            row("SID", 0, qi::SID, Show::hex, kTlb),
            row("MIP", 0, qi::P_QDEP, Show::number, kPasidTlb),
            row("SID", 0, qi::P_SID, Show::hex, kPasidTlb),
            function,
            row("G", 0, qi::IEC_G, Show::number, kIec),
            row("IM", 0, qi::IM, Show::number, kIec),
            row("IIDX", 0, qi::IIDX, Show::hex, kIec),
            row("IF", 0, qi::IF, Show::flag, kWait),
            row("SW", 0, qi::SW, Show::flag, kWait),
            row("FN", 0, qi::FN, Show::flag, kWait),
            row("PD", 0, qi::PD, Show::flag, kWait),
            row("status data", 0, qi::STATUS, Show::hex, kWait),
            row("PP", 0, qi::PP, Show::flag, kResponse),
            row("RC", 0, qi::RC, Show::number, kResponse),
            row("RID", 0, qi::RID, Show::hex, kResponse),
            row("PASID", 0, qi::PASID, Show::hex,
                of_type<Type::pasid_iotlb, Type::pasid_cache, Type::pasid_device_tlb, Type::page_group_response>),
            row("AM", 1, qi::AM, Show::number, kPages),
            row("IH", 1, qi::IH, Show::flag, kPages),
            row("S", 1, qi::S, Show::number, kTlb),
            row("S", 1, qi::P_S, Show::number, kPasidTlb),
            row("G", 1, qi::P_G, Show::flag, kPasidTlb),
            row("LPIG", 1, qi::LPIG, Show::flag, kResponse),
            row("PRGI", 1, qi::PRGI, Show::number, kResponse)};
}

Reading read_fsts(const Words& words) {
    const std::uint64_t word = words[0] & low_mask(32);
    Reading reading;
    if (word == low_mask(32)) {
        reading.headline = "all ones: the unit does not answer";
        return reading;
    }
    constexpr std::pair<std::uint64_t, const char*> kNames[] = {
        {fsts::PFO.mask(), "PFO"}, {fsts::PPF.mask(), "PPF"}, {kAfo.mask(), "AFO"},      {kApf.mask(), "APF"},
        {fsts::IQE.mask(), "IQE"}, {fsts::ICE.mask(), "ICE"}, {fsts::ITE.mask(), "ITE"}, {fsts::PRO.mask(), "PRO"}};
    reading.headline = names_of_bits(word, kNames, "no fault and no error");
    if (fsts::PPF.test(word)) reading.headline += fmt::format(", first fault in record {}", fsts::FRI.get(word));
    constexpr std::pair<std::uint64_t, const char*> kNotes[] = {
        {fsts::PFO.mask(), "PFO: more faults than fault records, some are lost"},
        {kAfo.mask(), "AFO: the fault log in memory was full, some faults are lost"},
        {kApf.mask(), "APF: the fault log in memory has faults"},
        {fsts::IQE.mask(),
         "IQE: the invalidation queue stops at its head, where a descriptor is wrong or cannot be read"},
        {fsts::ICE.mask(),
         "ICE: a device answered an invalidation of its TLB (ATC) with a tag or an id that none waits for"},
        {fsts::ITE.mask(),
         "ITE: a device did not answer an invalidation of its TLB (ATC) in time: it hangs, sleeps or is gone; pending "
         "waits are aborted, and the queue stands until ITE is cleared"},
        {fsts::PRO.mask(), "PRO: the page request queue was full, some page requests are lost"}};
    for (const auto& [bit, note] : kNotes) {
        if ((word & bit) != 0) reading.notes.emplace_back(note);
    }
    return reading;
}

std::vector<RecordField> fsts_fields() {
    RecordField record = word_row("FRI", fsts::FRI, Show::number);
    record.when = [](const Words& words) { return fsts::PPF.test(words[0]); };
    return {word_row("PFO", fsts::PFO), word_row("PPF", fsts::PPF), word_row("AFO", kAfo),
            word_row("APF", kApf),      word_row("IQE", fsts::IQE), word_row("ICE", fsts::ICE),
            word_row("ITE", fsts::ITE), word_row("PRO", fsts::PRO), record};
}

}  // namespace xlate::iommu::records::vtd_queue
