// Random contexts, PASID tables and page tables of both levels, accesses and invalidations in between, against a walker
// that is written from the specification alone and reads memory at each access. With caches, a table changes only
// together with the descriptors that drop what is known of it.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "base/random.hpp"
#include "tests/iommu/vtd_world.hpp"

namespace xlate::iommu::vtd {
namespace {

#ifdef NDEBUG
constexpr unsigned kAccesses = 1'000'000;
#else
constexpr unsigned kAccesses = 60'000;
#endif
constexpr unsigned kDevices = 6;
constexpr std::uint32_t kPasids = 3;

/// A reason, or 0 and an address.
struct Expected {
    std::uint64_t reason = 0;
    std::uint64_t address = 0;
};

/// The specification's process for plain memory requests; hardware of `scalable` without any limit of its own but 46
/// bits of physical addresses.
class FlatWalker {
public:
    explicit FlatWalker(World& world) : world_(world) {}

    Expected translate(const Request& request, bool scalable) {
        request_ = request;
        scalable_ = scalable;
        const std::uint64_t sid = value(request.sid);
        if (!scalable) return legacy(sid);
        const std::uint64_t root = load(World::kRoot + (sid >> 8) * 16 + (sid & 0x80) / 16);
        if ((root & 1) == 0) return {0x39};
        const std::uint64_t context = page_of(root) + (sid & 0x7F) * 32;
        const std::uint64_t low = load(context);
        if ((low & 1) == 0) return {0x41};
        if (request.ssid && (low >> 3 & 1) == 0) return {0x45};
        const std::uint64_t pasid = request.ssid ? value(*request.ssid) : load(context + 8) & 0xFFFFF;
        if (pasid >> 6 >= std::uint64_t{128} << (low >> 9 & 7)) return {request.ssid ? 0x46U : 0x48U};
        const std::uint64_t directory = load(page_of(low) + (pasid >> 6) * 8);
        if ((directory & 1) == 0) return {0x51};
        const std::uint64_t entry = page_of(directory) + (pasid & 63) * 64;
        const std::uint64_t word0 = load(entry), word2 = load(entry + 16);
        if ((word0 & 1) == 0) return {0x59};
        supervisor_ = request.ssid && request.privileged;
        executes_ = request.ssid && request.instruction && !request.write;
        second_root_ = page_of(word0);
        second_levels_ = static_cast<unsigned>(word0 >> 2 & 7) + 2;
        switch (word0 >> 6 & 7) {
            case 4:
                return {0, request.address};
            case 2:
                if (executes_ && (word2 >> 1 & 1) == 0) return {0x5C};
                if (request.address >> (12 + 9 * second_levels_) != 0) return {0x83};
                return second(request.address, request.write);
            case 1:
            case 3:
                break;
            default:
                return {0x5B};
        }
        nested_ = (word0 >> 6 & 7) == 3;
        if (executes_ && (word2 >> 1 & 1) == 0) return {0x5C};
        if (supervisor_ && (word2 & 1) == 0) return {0x5D};
        return first(word2);
    }

private:
    std::uint64_t load(std::uint64_t at) { return world_.memory.ram.load(at); }
    static std::uint64_t page_of(std::uint64_t word) { return word & 0x000FFFFFFFFFF000; }
    static bool too_wide(std::uint64_t word) { return page_of(word) >> 46 != 0; }

    Expected legacy(std::uint64_t sid) {
        const std::uint64_t root = load(World::kRoot + (sid >> 8) * 16);
        if ((root & 1) == 0) return {1};
        const std::uint64_t low = load(page_of(root) + (sid & 0xFF) * 16);
        const std::uint64_t high = load(page_of(root) + (sid & 0xFF) * 16 + 8);
        if ((low & 1) == 0) return {2};
        if (request_.ssid) return {0x31};
        second_levels_ = static_cast<unsigned>(high & 7) + 2;
        if (request_.address >> (12 + 9 * second_levels_) != 0) return {4};
        if ((low >> 2 & 3) == 2) return {0, request_.address};
        second_root_ = page_of(low);
        return second(request_.address, request_.write);
    }

    /// Of a leaf of `level` (1: 4 KiB).
    static Expected output(std::uint64_t word, unsigned level, std::uint64_t input) {
        const std::uint64_t bytes = std::uint64_t{4096} << 9 * (level - 1);
        return {0, (page_of(word) & ~(bytes - 1)) | (input & (bytes - 1))};
    }

    Expected second(std::uint64_t input, bool write) {
        std::uint64_t table = second_root_;
        for (unsigned level = second_levels_; level > 0; --level) {
            const std::uint64_t word = load(table + (input >> (12 + 9 * (level - 1)) & 511) * 8);
            if ((word & 3) == 0) return {scalable_ ? 0x79U : write ? 5U : 6U};
            if (write && (word & 2) == 0) return {scalable_ ? 0x85U : 5U};
            if (!write && (word & 1) == 0) return {scalable_ ? 0x86U : 6U};
            const bool large = level > 1 && (word >> 7 & 1) != 0;
            const bool is_leaf = level == 1 || (large && level <= 3);
            const std::uint64_t low = is_leaf ? page_of(word) & ((std::uint64_t{4096} << 9 * (level - 1)) - 1) : 0;
            const bool leaf_bits = !is_leaf && ((word >> 11 & 1) != 0 || (word >> 62 & 1) != 0);
            if (too_wide(word) || (large && level > 3) || low != 0 || leaf_bits) return {scalable_ ? 0x7AU : 0xCU};
            if (is_leaf) return output(word, level, input);
            table = page_of(word);
        }
        return {};
    }

    Expected first(std::uint64_t word2) {
        const unsigned levels = (word2 >> 2 & 3) == 1 ? 5 : 4;
        const unsigned bits = 12 + 9 * levels;
        const std::int64_t extended = static_cast<std::int64_t>(request_.address << (64 - bits)) >> (64 - bits);
        if (static_cast<std::uint64_t>(extended) != request_.address) return {0x80};
        std::uint64_t table = page_of(word2);
        for (unsigned level = levels; level > 0; --level) {
            std::uint64_t at = table + (request_.address >> (12 + 9 * (level - 1)) & 511) * 8;
            if (nested_) {
                const Expected machine = second(at, false);
                if (machine.reason == 0x79 || machine.reason == 0x86) return {level == levels ? 0x75U : 0x76U};
                if (machine.reason != 0) return machine;
                at = machine.address;
            }
            const std::uint64_t word = load(at);
            if ((word & 1) == 0) return {0x71};
            const bool large = level > 1 && (word >> 7 & 1) != 0;
            const bool is_leaf = level == 1 || (large && level <= 3);
            const std::uint64_t size = std::uint64_t{4096} << 9 * (level - 1);
            const std::uint64_t low = level > 1 && is_leaf ? page_of(word) & (size - 1) & ~std::uint64_t{0x1000} : 0;
            const bool no_execute = word >> 63 != 0;
            if ((!nested_ && too_wide(word)) || (large && level > 3) || low != 0 ||
                (no_execute && (word2 >> 5 & 1) == 0)) {
                return {0x72};
            }
            if ((word >> 2 & 1) == 0 && !supervisor_) return {0x81};
            if (executes_ && no_execute) return {0x82};
            if (request_.write && (word >> 1 & 1) == 0 && (!supervisor_ || (word2 >> 4 & 1) != 0)) return {0x85};
            if (!is_leaf) {
                table = page_of(word);
                continue;
            }
            const Expected guest = output(word, level, request_.address);
            if (!nested_) return guest;
            if (guest.address >> (12 + 9 * second_levels_) != 0) return {0x84};
            return second(guest.address, request_.write);
        }
        return {};
    }

    World& world_;
    Request request_;
    bool scalable_ = false, supervisor_ = false, executes_ = false, nested_ = false;
    std::uint64_t second_root_ = 0;
    unsigned second_levels_ = 4;
};

/// Domains whose tables lie in a few pages, so that accesses meet again.
struct RandomWorld : World {
    RandomWorld(const VtdParams& params, std::uint64_t seed, bool in_scalable_mode)
        : World(params), rng(seed, "vt-d differential"), scalable(in_scalable_mode) {
        on(scalable);
        for (unsigned number = 1; number <= kDevices; ++number) make_device(sid_of(number));
    }

    /// A table of one level, as the unit's caches know it.
    struct Space {
        bool first = false;
        std::uint64_t root = 0;
        unsigned levels = 4;
        std::uint16_t did = 0;
        std::uint32_t pasid = 0;
        std::uint64_t offset = 0;  ///< from what its entries say to where its tables are (nested)
        int second = -1;           ///< the second level below it
    };
    // The guest's tables stand here, and never move; what its pages are, changes.
    static constexpr std::uint64_t kGuestTables = 0x40000000, kGuestPages = 0x48000000;
    static constexpr unsigned kGuestTablePages = 512;

    static std::uint32_t sid_of(unsigned number) { return number * 0x4B & 0x1FF; }

    std::size_t make_second(std::uint16_t did, bool below_a_first) {
        Space space;
        space.levels = 3 + static_cast<unsigned>(rng.below(3));
        space.did = did;
        space.root = page();
        spaces.push_back(space);
        if (below_a_first) {
            const std::uint64_t tables = 0x180000000 + did * std::uint64_t{0x1000000};
            for (unsigned i = 0; i < kGuestTablePages; ++i) {
                map_second(space.root, space.levels, kGuestTables + i * 4096, tables + i * 4096);
            }
            spaces.back().offset = tables - kGuestTables;
        }
        for (unsigned i = 0; i < 60; ++i) change(spaces.size() - 1);
        return spaces.size() - 1;
    }
    std::size_t make_first(std::uint16_t did, std::uint32_t pasid_number, int second) {
        Space space;
        space.first = true;
        space.levels = 4 + static_cast<unsigned>(rng.below(2));
        space.did = did;
        space.pasid = pasid_number;
        space.second = second;
        if (second >= 0) space.offset = spaces[static_cast<std::size_t>(second)].offset;
        space.root = second >= 0 ? guest_page() : page();
        spaces.push_back(space);
        for (unsigned i = 0; i < 60; ++i) change(spaces.size() - 1);
        return spaces.size() - 1;
    }
    std::uint64_t guest_page() { return kGuestTables + guest_tables_++ % kGuestTablePages * 4096; }

    void make_device(std::uint32_t sid) {
        const auto did = static_cast<std::uint16_t>(++dids_);
        if (!scalable) {
            if (rng.below(6) == 0) {
                context(sid, 0, 5, did, context::PASS_THROUGH);
                return;
            }
            const std::size_t space = make_second(did, false);
            context(sid, spaces[space].root, spaces[space].levels, did);
            return;
        }
        guest_tables_ = 0;
        const std::uint64_t flags = scalable_context::PASIDE.of(rng.below(4) != 0 ? 1 : 0);
        int below = -1;
        for (std::uint32_t number = 0; number < kPasids; ++number) {
            const std::uint64_t bits = rng.below(64) | pasid::NXE.of(1);
            const std::uint64_t type = 1 + rng.below(4);
            if (type == pasid::PASS_THROUGH) {
                pasid(sid, number, pasid::AW.of(2) | pasid::PGTT.of(type), did, 0, flags);
            } else if (type == pasid::SECOND_LEVEL) {
                const std::size_t space = make_second(static_cast<std::uint16_t>(++dids_), false);
                pasid_second(sid, number, spaces[space].root, spaces[space].levels, spaces[space].did);
            } else {
                const bool nested = type == pasid::NESTED;
                if (nested && below < 0) below = static_cast<int>(make_second(did, true));
                const std::size_t space =
                    make_first(nested ? did : static_cast<std::uint16_t>(++dids_), number, nested ? below : -1);
                const Space& made = spaces[space];
                std::uint64_t word0 = pasid::PGTT.of(type);
                if (nested) {
                    const Space& second = spaces[static_cast<std::size_t>(below)];
                    word0 |= second.root | pasid::AW.of(second.levels - 2);
                }
                pasid(sid, number, word0, made.did,
                      made.root | pasid::FLPM.of(made.levels == 5 ? 1 : 0) | (bits & ~pasid::FLPM.mask()) % 64, flags);
                put(pasid_at(sid, number) + 16,
                    made.root | pasid::FLPM.of(made.levels == 5 ? 1 : 0) | pasid::NXE.of(rng.below(4) != 0 ? 1 : 0) |
                        pasid::SRE.of(rng.below(2)) | pasid::ERE.of(rng.below(2)) | pasid::WPE.of(rng.below(2)));
            }
        }
    }

    /// Inputs are few: two tables of pages, in both halves of a first level; of a second level below one, its pages.
    std::uint64_t input(const Space& space) {
        const std::uint64_t low = (rng.below(2) << 21) + (rng.below(24) << 12) + (rng.below(8) == 0 ? 1ULL << 30 : 0);
        if (!space.first) return space.offset != 0 ? kGuestPages + low : low;
        return rng.below(3) == 0 ? low | ~low_mask(vtd_table::input_bits(space.levels) - 1) : low;
    }
    std::uint64_t random_bits(const Space& space, bool is_leaf) {
        std::uint64_t bits = space.first ? 7 : 3;
        constexpr unsigned kSecond[] = {0, 1, 3, 11, 48, 62}, kFirst[] = {0, 1, 2, 5, 6, 48, 63};
        if (rng.below(is_leaf ? 4 : 24) != 0) return bits;
        const unsigned bit =
            space.first ? kFirst[rng.below(std::size(kFirst))] : kSecond[rng.below(std::size(kSecond))];
        return bits ^ std::uint64_t{1} << bit;
    }
    /// Another word somewhere in a space, told as software tells it unless it is just being made.
    void change(std::size_t index, bool tells = false) {
        const Space& space = spaces[index];
        const std::uint64_t at = input(space);
        std::uint64_t table = space.root + space.offset * (space.first ? 1 : 0);
        const unsigned stop = rng.below(12) == 0 ? 2 : 1;
        bool upper = false;
        for (unsigned level = space.levels;; --level) {
            const std::uint64_t place = table + vtd_table::index(at, level) * 8;
            if (level == stop) {
                upper = level > 1;
                if (upper && word(place) != 0 && rng.below(3) != 0) {
                    put(place, word(place) ^ (rng.below(2) == 0 ? 2 : 0));  // a table whose rights change
                } else if (!upper || rng.below(2) == 0) {
                    put(place, rng.below(8) == 0 ? 0 : leaf(space, level));
                }
                break;
            }
            if (word(place) == 0 || (level <= 3 && (word(place) & 0x80) != 0)) {
                upper = upper || word(place) != 0;
                put(place, new_table(space) | random_bits(space, false));
            }
            table = vtd_table::address(word(place)) + (space.first ? space.offset : 0);
            if ((word(place) & (space.first ? 1 : 3)) == 0 || vtd_table::address(word(place)) >> 46 != 0) {
                put(place, new_table(space) | (space.first ? 7 : 3));
                upper = true;
                table = vtd_table::address(word(place)) + (space.first ? space.offset : 0);
            }
        }
        if (tells) tell_change(space, at, !upper);
    }
    std::uint64_t new_table(const Space& space) { return space.first && space.second >= 0 ? guest_page() : page(); }
    std::uint64_t leaf(const Space& space, unsigned level) {
        std::uint64_t to = 0x100000000 + (rng.below(256) << 12);
        if (space.first && space.second >= 0) to = kGuestPages + (rng.below(2) << 21) + (rng.below(24) << 12);
        if (level > 1 && rng.below(4) != 0) to &= ~low_mask(vtd_table::shift(level));
        return to | random_bits(space, true) | (level > 1 ? 0x80 : 0);
    }
    void tell_change(const Space& space, std::uint64_t at, bool leaf_only) {
        const unsigned order = static_cast<unsigned>(rng.below(4)) + (leaf_only ? 0 : 9);
        const std::uint64_t from = at & ~low_mask(12 + order);
        if (space.first) {
            const std::uint64_t low = 6 | qi::DID.of(space.did) | qi::PASID.of(space.pasid);
            if (rng.below(4) == 0) return queue({low | qi::G.of(qi::PASID_ALL), 0, 0, 0});
            return queue({low | qi::G.of(qi::PASID_PAGE), from | order | qi::IH.of(leaf_only ? 1 : 0), 0, 0});
        }
        switch (rng.below(6)) {
            case 0:
                return flush_iotlb(qi::GLOBAL);
            case 1:
                return flush_iotlb(qi::DOMAIN, space.did);
            default:
                // Table entries of first levels that went through a changed page are behind it, too: they never move.
                return flush_iotlb(qi::PAGE, space.did, from, order, leaf_only);
        }
    }

    Request any() {
        const auto sid = sid_of(1 + static_cast<unsigned>(rng.below(kDevices)));
        Request request = World::request(sid, 0, rng.below(2) == 0);
        if (scalable && rng.below(2) == 0) request.ssid = SubstreamId{static_cast<std::uint32_t>(rng.below(kPasids))};
        if (rng.below(64) == 0) request.ssid = SubstreamId{static_cast<std::uint32_t>(rng.below(32768))};
        request.privileged = rng.below(4) == 0;
        request.instruction = !request.write && rng.below(4) == 0;
        const Space& space = spaces[rng.below(spaces.size())];
        request.address = input(space) + (rng.below(1024) << 2);
        if (rng.below(64) == 0) request.address ^= std::uint64_t{1} << (40 + rng.below(24));
        return request;
    }

    Rng rng;
    const bool scalable;
    std::vector<Space> spaces;

private:
    std::uint64_t dids_ = 0, guest_tables_ = 0;
};

void compare(bool scalable, bool caches, std::uint64_t seed, unsigned accesses) {
    VtdParams params = world_params("scalable", caches);
    RandomWorld world(params, seed, scalable);
    FlatWalker walker(world);
    unsigned done = 0, refused = 0, different = 0;
    for (unsigned i = 0; i < accesses && different < 5; ++i) {
        if (world.rng.below(8) == 0) world.change(world.rng.below(world.spaces.size()), true);
        if (world.rng.below(512) == 0) world.flush_context(qi::GLOBAL);
        const Request request = world.any();
        const Expected expected = FlatWalker(world).translate(request, scalable);
        const Step step = world.translate(request);
        const bool fault = step.kind == StepKind::fault;
        (fault ? refused : done) += 1;
        const bool same = fault ? step.result.fault == expected.reason
                                : expected.reason == 0 && step.result.pa.value == expected.address;
        if (fault && step.result.recorded) {
            bool found = false;
            for (unsigned r = 0; r < world.unit.outputs.records(); ++r) {
                const FaultRecord& record = world.record(r);
                found = found || (frcd::F.test(record.high) && record.low == frcd::page(request.address) &&
                                  frcd::FR.get(record.high) == expected.reason &&
                                  frcd::SID.get(record.high) == value(request.sid));
            }
            if (!found) ++different;
        }
        if (fault) world.clear_faults();
        world.told.clear();
        world.accesses.clear();
        if (same) continue;
        ++different;
        UNSCOPED_INFO(fmt::format("access {}: device {:#x} pasid {} address {:#x} {}: {} {:#x}, expected {:#x} {:#x}",
                                  i, value(request.sid), request.ssid ? static_cast<int>(value(*request.ssid)) : -1,
                                  request.address, request.write ? "write" : "read", fault ? "reason" : "address",
                                  fault ? step.result.fault : step.result.pa.value, expected.reason, expected.address));
    }
    CHECK(different == 0);
    // Both outcomes are frequent.
    CHECK(done > accesses / 20);
    CHECK(refused > accesses / 20);
}

}  // namespace

TEST_CASE("vt-d: random tables against a flat walker, legacy mode", "[iommu][vtd][differential]") {
    for (const bool caches : {false, true}) {
        INFO((caches ? "caches on" : "caches off"));
        for (std::uint64_t seed = 1; seed <= 2; ++seed) compare(false, caches, seed, kAccesses / 8);
    }
}

TEST_CASE("vt-d: random tables against a flat walker, scalable mode", "[iommu][vtd][differential]") {
    for (const bool caches : {false, true}) {
        INFO((caches ? "caches on" : "caches off"));
        for (std::uint64_t seed = 1; seed <= 4; ++seed) compare(true, caches, seed, kAccesses / 8);
    }
}

}  // namespace xlate::iommu::vtd
