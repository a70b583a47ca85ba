// Which descriptors are legal, and what they ask to drop.
#include <fmt/format.h>

#include "iommu/intel/address_space.hpp"
#include "iommu/intel/invalidation_queue.hpp"

namespace xlate::iommu::vtd {

namespace {

/// Bits of the first two words that a type has.
struct Known {
    std::uint64_t low = 0, high = 0;
};

Known known_bits(DescriptorType type, const VtdParams& params) {
    const std::uint64_t pfsid = qi::PFSID_LOW.mask() | qi::PFSID_HIGH.mask();
    const std::uint64_t range = qi::AM.mask() | qi::IH.mask() | ~low_mask(12);
    switch (type) {
        case DescriptorType::context_cache:
            return {qi::G.mask() | qi::DID.mask() | qi::CC_SID.mask() | qi::CC_FM.mask(), 0};
        case DescriptorType::iotlb:
            return {qi::G.mask() | qi::DW.mask() | qi::DR.mask() | qi::DID.mask(), range};
        case DescriptorType::device_tlb:
            return {pfsid | qi::QDEP.mask() | qi::SID.mask(), qi::S.mask() | ~low_mask(12)};
        case DescriptorType::interrupt_entry_cache:
            return {qi::IEC_G.mask() | qi::IM.mask() | qi::IIDX.mask(), 0};
        case DescriptorType::wait:
            return {qi::IF.mask() | qi::SW.mask() | qi::FN.mask() | qi::STATUS.mask() |
                        (params.has(ecap::PRS) ? qi::PD.mask() : 0),
                    ~low_mask(2)};
        case DescriptorType::pasid_iotlb:
            return {qi::G.mask() | qi::DID.mask() | qi::PASID.mask(), range};
        case DescriptorType::pasid_cache:
            return {qi::G.mask() | qi::DID.mask() | qi::PASID.mask(), 0};
        case DescriptorType::pasid_device_tlb:
            return {pfsid | qi::P_QDEP.mask() | qi::P_SID.mask() | qi::PASID.mask(),
                    qi::P_G.mask() | qi::P_S.mask() | ~low_mask(12)};
        case DescriptorType::page_group_response:
            return {qi::PP.mask() | qi::RC.mask() | qi::RID.mask() | qi::PASID.mask(),
                    qi::LPIG.mask() | qi::PRGI.mask()};
    }
    return {};
}

/// Of pages, a power of two of them around `address`.
void set_range(Invalidation& invalidation, std::uint64_t address, unsigned log2) {
    invalidation.by_address = true;
    if (log2 >= 64) {
        invalidation.first = 0;
        invalidation.last = ~std::uint64_t{0};
        return;
    }
    invalidation.first = address & ~low_mask(log2);
    invalidation.last = invalidation.first + low_mask(log2);
}

/// As PCIe codes ranges: with S the lowest zero bit at or above 12 gives the size.
unsigned coded_size(std::uint64_t address, bool large) {
    if (!large) return 12;
    unsigned bit = 12;
    while (bit < 63 && (address >> bit & 1) != 0) ++bit;
    return address >> 12 == low_mask(52) ? 64 : bit + 1;
}

Invalidation translations(std::uint8_t code, std::uint64_t space, std::uint64_t mask) {
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    invalidation.code = code;
    invalidation.space = space;
    invalidation.space_mask = invalidation.global_mask = mask;
    return invalidation;
}

Invalidation of_endpoint(std::uint8_t code, std::uint64_t stream, std::uint64_t word, bool large) {
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::endpoint;
    invalidation.code = code;
    invalidation.stream = stream;
    invalidation.stream_mask = low_mask(53);
    set_range(invalidation, word & ~low_mask(12), coded_size(word, large));
    return invalidation;
}

StreamId stream(std::uint64_t sid) { return StreamId{static_cast<std::uint32_t>(sid)}; }

void decode_context(const Descriptor& words, std::uint8_t code, Decoded& out) {
    const std::uint64_t granularity = qi::G.get(words[0]);
    out.config.cache = ConfigMatch::Cache::context;
    out.config.did = static_cast<std::uint16_t>(qi::DID.get(words[0]));
    if (granularity == qi::DOMAIN) {
        out.config.by_domain = true;
        out.tlb = translations(code, space_tag::DID.of(out.config.did), space_tag::DID.mask());
        return;
    }
    // What ports keep goes with the device's configuration.
    Invalidation ports;
    ports.target = Invalidation::Target::configuration;
    ports.code = code;
    if (granularity == qi::DEVICE) {
        constexpr std::uint16_t kMasks[] = {0, 4, 6, 7};
        out.config.by_device = true;
        out.config.sid = static_cast<std::uint16_t>(qi::CC_SID.get(words[0]));
        out.config.sid_mask = static_cast<std::uint16_t>(~kMasks[qi::CC_FM.get(words[0])]);
        ports.stream = stream_tag(stream(out.config.sid), std::nullopt);
        ports.stream_mask = out.config.sid_mask;
    }
    out.tlb = ports;
}

void decode_iotlb(const Descriptor& words, std::uint8_t code, const VtdParams& params, Decoded& out) {
    const std::uint64_t granularity = qi::G.get(words[0]), did = qi::DID.get(words[0]);
    const bool global = granularity == qi::GLOBAL;
    out.tlb = translations(code, global ? 0 : space_tag::DID.of(did), global ? 0 : space_tag::DID.mask());
    if (granularity != qi::PAGE || !cap::PSI.test(params.cap)) return;
    set_range(*out.tlb, qi::page(words[1]), 12 + static_cast<unsigned>(qi::AM.get(words[1])));
    out.tlb->leaf = params.leaf_hint && qi::IH.test(words[1]);
    if (!params.has(ecap::NEST)) return;
    // A nested translation is kept by its input address; which second-level pages are in it is not known.
    const std::uint64_t nested = space_tag::DID.of(did) | space_tag::NESTED.of(1);
    out.nested = translations(code, nested, space_tag::DID.mask() | space_tag::NESTED.mask());
    out.nested->leaf = out.tlb->leaf;
}

void decode_pasid_iotlb(const Descriptor& words, std::uint8_t code, const VtdParams& params, Decoded& out) {
    const std::uint64_t space = space_tag::FIRST.of(1) | space_tag::DID.of(qi::DID.get(words[0])) |
                                space_tag::PASID.of(qi::PASID.get(words[0]));
    out.tlb = translations(code, space, space_tag::FIRST.mask() | space_tag::DID.mask() | space_tag::PASID.mask());
    if (qi::G.get(words[0]) != qi::PASID_PAGE) return;
    set_range(*out.tlb, qi::page(words[1]), 12 + static_cast<unsigned>(qi::AM.get(words[1])));
    out.tlb->leaf = params.leaf_hint && qi::IH.test(words[1]);
}

void decode_pasid_cache(const Descriptor& words, std::uint8_t code, Decoded& out) {
    const std::uint64_t granularity = qi::G.get(words[0]);
    out.config.cache = ConfigMatch::Cache::pasid;
    out.config.by_domain = granularity != qi::PC_GLOBAL;
    out.config.did = static_cast<std::uint16_t>(qi::DID.get(words[0]));
    out.config.by_pasid = granularity == qi::PC_PASID;
    out.config.pasid = static_cast<std::uint32_t>(qi::PASID.get(words[0]));
    const bool global = granularity == qi::PC_GLOBAL;
    out.tlb = translations(code, global ? 0 : space_tag::DID.of(out.config.did), global ? 0 : space_tag::DID.mask());
}

void decode_interrupts(const Descriptor& words, Decoded& out) {
    out.config.cache = ConfigMatch::Cache::interrupt;
    if (!qi::IEC_G.test(words[0])) return;
    const std::uint64_t mask = low_mask(static_cast<unsigned>(qi::IM.get(words[0])));
    out.config.by_index = true;
    out.config.first = static_cast<std::uint32_t>(qi::IIDX.get(words[0]) & ~mask);
    out.config.count = static_cast<std::uint32_t>(mask + 1);
}

}  // namespace

std::string descriptor_name(std::uint16_t code) {
    constexpr const char* kNames[] = {
        "?",    "context cache", "iotlb",       "device tlb",       "interrupt entry cache",
        "wait", "pasid iotlb",   "pasid cache", "pasid device tlb", "page group response"};
    constexpr const char* kIotlb[] = {"", " (global)", " (domain)", " (page)"};
    constexpr const char* kContext[] = {"", " (global)", " (domain)", " (device)"};
    constexpr const char* kPasidIotlb[] = {"", "", " (pasid)", " (page)"};
    constexpr const char* kPasidCache[] = {" (domain)", " (pasid)", "", " (global)"};
    const unsigned type = code >> 2, granularity = code & 3;
    if (type == 0 || type >= std::size(kNames)) return fmt::format("descriptor {:#x}", code);
    const char* const suffix = type == 1   ? kContext[granularity]
                               : type == 2 ? kIotlb[granularity]
                               : type == 6 ? kPasidIotlb[granularity]
                               : type == 7 ? kPasidCache[granularity]
                                           : "";
    return std::string(kNames[type]) + suffix;
}

std::string describe(const Invalidation& invalidation) {
    // Code 0: not one that was given, but the one that would have done.
    const std::uint8_t would_do = invalidation.is_endpoint() ? descriptor_code(DescriptorType::device_tlb, 0)
                                  : space_tag::FIRST.test(invalidation.space)
                                      ? descriptor_code(DescriptorType::pasid_iotlb, qi::PASID_PAGE)
                                      : descriptor_code(DescriptorType::iotlb, qi::PAGE);
    std::string text = descriptor_name(invalidation.code != 0 ? invalidation.code : would_do);
    if (invalidation.stream_mask != 0) text += fmt::format(" device {:#x}", value(stream_of(invalidation.stream)));
    if (space_tag::DID.test(invalidation.space_mask)) {
        text += fmt::format(" DID {}", space_tag::DID.get(invalidation.space));
    }
    if (space_tag::PASID.test(invalidation.space_mask) && space_tag::FIRST.test(invalidation.space)) {
        text += fmt::format(" PASID {}", space_tag::PASID.get(invalidation.space));
    }
    if (invalidation.by_address) text += fmt::format(" {:#x}", invalidation.first);
    if (invalidation.leaf) text += " leaf only";
    return text;
}

bool illegal_descriptor(const Descriptor& words, const VtdParams& params, bool scalable, bool wide) {
    if (qi::TYPE_HIGH.test(words[0])) return true;
    const auto type = static_cast<DescriptorType>(qi::TYPE.get(words[0]));
    if (type < DescriptorType::context_cache || type > DescriptorType::page_group_response) return true;
    const Known known = known_bits(type, params);
    if ((words[0] & ~(known.low | qi::TYPE.mask())) != 0 || (words[1] & ~known.high) != 0) return true;
    if (words[2] != 0 || words[3] != 0) return true;
    const std::uint64_t granularity = qi::G.get(words[0]);
    const bool masked_too_far = qi::AM.get(words[1]) > cap::MAMV.get(params.cap);
    switch (type) {
        case DescriptorType::context_cache:
            return granularity == 0;
        case DescriptorType::iotlb:
            return granularity == 0 || (granularity == qi::PAGE && masked_too_far);
        case DescriptorType::device_tlb:
        case DescriptorType::interrupt_entry_cache:
        case DescriptorType::wait:
            return false;
        case DescriptorType::pasid_iotlb:
            return !scalable || granularity < qi::PASID_ALL || (granularity == qi::PASID_PAGE && masked_too_far);
        case DescriptorType::pasid_cache:
            return !scalable || granularity == 2;
        case DescriptorType::pasid_device_tlb:
            return !scalable || !wide;
        case DescriptorType::page_group_response:
            return !scalable || !wide || !params.has(ecap::PRS);
    }
    return true;
}

Decoded decode_descriptor(const Descriptor& words, const VtdParams& params) {
    Decoded out;
    const auto type = static_cast<DescriptorType>(qi::TYPE.get(words[0]));
    const std::uint8_t code = descriptor_code(type, qi::G.get(words[0]));
    switch (type) {
        case DescriptorType::context_cache:
            decode_context(words, code, out);
            break;
        case DescriptorType::iotlb:
            decode_iotlb(words, code, params, out);
            break;
        case DescriptorType::device_tlb:
            out.tlb = of_endpoint(descriptor_code(type, 0), stream_tag(stream(qi::SID.get(words[0])), std::nullopt),
                                  words[1], qi::S.test(words[1]));
            break;
        case DescriptorType::interrupt_entry_cache:
            decode_interrupts(words, out);
            break;
        case DescriptorType::pasid_iotlb:
            decode_pasid_iotlb(words, code, params, out);
            break;
        case DescriptorType::pasid_cache:
            decode_pasid_cache(words, code, out);
            break;
        case DescriptorType::pasid_device_tlb:
            out.tlb = of_endpoint(descriptor_code(type, 0),
                                  stream_tag(stream(qi::P_SID.get(words[0])),
                                             SubstreamId{static_cast<std::uint32_t>(qi::PASID.get(words[0]))}),
                                  words[1], qi::P_S.test(words[1]));
            break;
        case DescriptorType::wait:
        case DescriptorType::page_group_response:
            break;
    }
    return out;
}

}  // namespace xlate::iommu::vtd
