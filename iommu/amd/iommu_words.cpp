// What the words of its tables say, for the shadow of a sanitizer (iommu/shadow/table_words.hpp): the host's (v1), and
// a guest's (v2) that stand at the machine's addresses. Those of a nested domain are found by a guest's addresses, and
// GCR3 tables are configuration: not followed.
#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"
#include "iommu/amd/space.hpp"
#include "iommu/tables/layout_amd.hpp"

namespace xlate::iommu::amd {

namespace v1 = amd_table::v1;

namespace v2 = amd_table::v2;

namespace {

constexpr unsigned kGuestLevels = 5, kGuestLeafLevels = 3;

/// Of a guest's word: 1 to 5; 0: it is none.
unsigned guest_level(AccessPurpose purpose) {
    const auto row = static_cast<unsigned>(purpose), first = static_cast<unsigned>(guest_purpose(1));
    return row >= first && row < first + kGuestLevels ? row - first + 1 : 0;
}

void decode_guest(unsigned level, std::uint64_t word, TableWord& out) {
    out.log2_bytes = static_cast<std::uint8_t>(amd_table::shift(level));
    if (!v2::P.test(word)) return;
    out.leaf = level == 1 || (level <= kGuestLeafLevels && v2::PS.test(word));
    if (!out.leaf && v2::PS.test(word)) return;  // reserved
    out.present = true;
    out.target = v2::address(word) & (out.leaf ? ~low_mask(out.log2_bytes) : ~std::uint64_t{0});
    out.target_bytes = std::uint64_t{1} << (out.leaf ? out.log2_bytes : kPageBits);
    if (!out.leaf) out.next = guest_purpose(level - 1);
}

}  // namespace

bool Iommu::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    if (const unsigned level = guest_level(purpose); level != 0) {
        out = {};
        out.granule = kPageBits;
        decode_guest(level, word, out);
        return true;
    }
    const auto row = static_cast<unsigned>(purpose), first = static_cast<unsigned>(host_purpose(1));
    if (row < first || row > static_cast<unsigned>(host_purpose(amd_table::kHostLevels))) return false;
    const unsigned level = row - first + 1;
    out = {};
    out.granule = kPageBits;
    out.log2_bytes = static_cast<std::uint8_t>(amd_table::shift(level));
    if (!v1::PR.test(word) || v1::RESERVED.test(word)) return true;
    const auto next = static_cast<unsigned>(v1::NEXT_LEVEL.get(word));
    out.leaf = next == v1::kLeaf || next == v1::kSizedLeaf;
    if (!out.leaf && next >= level) return true;
    out.present = true;
    if (next == v1::kSizedLeaf) {
        // Each word of a replicated leaf maps its own part.
        const unsigned log2 = v1::sized_log2(word);
        out.target = v1::address(word) & ~low_mask(log2);
        out.target_bytes = std::uint64_t{1} << log2;
        if (log2 > out.log2_bytes) out.log2_bytes = static_cast<std::uint8_t>(log2);
    } else {
        out.target = v1::address(word);
        out.target_bytes = std::uint64_t{1} << (out.leaf ? out.log2_bytes : kPageBits);
        if (!out.leaf) out.next = host_purpose(next);
    }
    return true;
}

/// Walks of a guest's tables set A and D.
std::uint64_t Iommu::hardware_bits(AccessPurpose purpose) const {
    return guest_level(purpose) == 0 ? 0 : v2::A.mask() | v2::D.mask();
}

void Iommu::note_tables(std::uint16_t domain, bool guest) {
    if (guest_domains_.empty()) {
        if (!guest) return;
        guest_domains_.resize(std::size_t{1} << kDeviceIdBits);
    }
    guest_domains_[domain] = guest;
}

/// What was never translated by a guest's tables is in no cache as such.
std::uint64_t Iommu::space_of(std::uint32_t context) const {
    const auto domain = static_cast<std::uint16_t>(context);
    const bool guest = !guest_domains_.empty() && guest_domains_[domain];
    return guest ? space_tag::guest(domain, 0, false) : space_tag::host(domain);
}

/// By the entry that is cached; a device whose entry is not, or that is nested, is followed by its walks alone.
std::optional<std::uint64_t> Iommu::space_of_stream(StreamId stream) const {
    const Dte* entry = dte_cache.peek(stream_tag(stream, std::nullopt));
    if (entry == nullptr || !entry->valid()) return ~std::uint64_t{0};
    const bool host = entry->translation_valid() && entry->mode() != 0;
    const bool guest =
        dte::GV.test(entry->words[0]) && dte::GIOV.test(entry->words[0]) && registers.guest_translation();
    if (guest) return host ? ~std::uint64_t{0} : space_tag::guest(entry->domain(), 0, false);
    return host ? space_tag::host(entry->domain()) : ~std::uint64_t{0};
}

/// Whatever it says: the specification lets any entry be cached that was read.
bool Iommu::keeps_configuration(AccessPurpose purpose, const std::uint8_t* /*bytes*/) const {
    return purpose == Purpose::dte;
}

Invalidation Iommu::wanted_for_configuration(std::uint64_t stream, AccessPurpose purpose,
                                             const std::uint8_t* bytes) const {
    Invalidation wanted = TableWords::wanted_for_configuration(stream, purpose, bytes);
    wanted.code = static_cast<std::uint16_t>(Opcode::invalidate_devtab_entry);
    return wanted;
}

}  // namespace xlate::iommu::amd
