// Random directories, process contexts and tables of both stages, accesses and invalidations in between, against a
// walker that is written from the specification alone and reads memory at each access. With caches, a table changes
// only together with the command that drops what is known of it.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "base/random.hpp"
#include "tests/iommu/riscv_world.hpp"

namespace xlate::iommu::riscv {
namespace {

#ifdef NDEBUG
constexpr unsigned kAccesses = 1'000'000;
#else
constexpr unsigned kAccesses = 60'000;
#endif
constexpr unsigned kDevices = 6, kGuests = 2, kProcesses = 3;

/// Cause, or 0 and an address.
struct Expected {
    std::uint64_t cause = 0;
    std::uint64_t address = 0;
};

/// The specification's process, for little-endian memory without A/D updates, MSIs and ATS.
class FlatWalker {
public:
    FlatWalker(World& world) : world_(world) {}

    Expected translate(const Request& request) {
        request_ = request;
        exec_ = request.instruction && !request.write;
        supervisor_ = request.ssid && request.privileged;
        sum_ = false;
        const std::uint64_t at = world_.dc_address(value(request.sid));
        const std::uint64_t tc_word = world_.memory.load(at);
        hgatp_ = world_.memory.load(at + 8);
        if ((tc_word & 1) == 0) return {258};
        std::uint64_t satp = world_.memory.load(at + 24);
        if ((tc_word >> 5 & 1) == 0) {
            if (request.ssid) return {260};
            return stages(satp);
        }
        if (request.ssid && value(*request.ssid) > 255) return {260};
        if (!request.ssid && (tc_word >> 9 & 1) == 0) return stages(0);
        const std::uint64_t pid = request.ssid ? value(*request.ssid) : 0;
        std::uint64_t entry = (satp & low_mask(44)) * 4096 + pid * 16;
        const Expected table = guest(entry, true, false, false);
        if (table.cause != 0) return table;
        entry = table.address;
        const std::uint64_t context = world_.memory.load(entry);
        satp = world_.memory.load(entry + 8);
        if ((context & 1) == 0) return {266};
        if (supervisor_ && (context >> 1 & 1) == 0) return {260};
        sum_ = (context >> 2 & 1) != 0;
        return stages(satp);
    }

private:
    std::uint64_t page_fault(std::uint64_t first) const {
        return exec_ ? first : request_.write ? first + 3 : first + 1;
    }

    Expected stages(std::uint64_t satp) {
        Expected gpa{0, request_.address};
        if (satp >> 60 != 0) gpa = first(satp);
        if (gpa.cause != 0) return gpa;
        return guest(gpa.address, !request_.write && !exec_, request_.write, exec_);
    }

    Expected first(std::uint64_t satp) {
        const unsigned count = static_cast<unsigned>(satp >> 60) - 5;
        const unsigned bits = 12 + 9 * count;
        const std::int64_t extended = static_cast<std::int64_t>(request_.address << (64 - bits)) >> (64 - bits);
        if (static_cast<std::uint64_t>(extended) != request_.address) return {page_fault(12)};
        std::uint64_t table = (satp & low_mask(44)) * 4096;
        for (unsigned i = count; i-- > 0;) {
            const Expected at = guest(table + (request_.address >> (12 + 9 * i) & 511) * 8, true, false, false);
            if (at.cause != 0) return at;
            const std::uint64_t word = world_.memory.load(at.address);
            if (!usable(word)) return {page_fault(12)};
            if ((word & 0xA) == 0) {
                table = (word >> 10 & low_mask(44)) * 4096;
                if (i == 0 || (word & 0xD0) != 0) return {page_fault(12)};
                continue;
            }
            const bool user = (word >> 4 & 1) != 0;
            if (!rights(word) || (!supervisor_ && !user) || (supervisor_ && user && (exec_ || !sum_))) {
                return {page_fault(12)};
            }
            return leaf(word, i, request_.address, page_fault(12));
        }
        return {page_fault(12)};
    }

    /// The second stage, for an access of these kinds.
    Expected guest(std::uint64_t gpa, bool read, bool write, bool exec) {
        if (hgatp_ >> 60 == 0) return {0, gpa};
        const unsigned count = static_cast<unsigned>(hgatp_ >> 60) - 5;
        if (gpa >> (14 + 9 * count) != 0) return {page_fault(20)};
        std::uint64_t table = (hgatp_ & low_mask(44)) * 4096;
        for (unsigned i = count; i-- > 0;) {
            const std::uint64_t index = gpa >> (12 + 9 * i) & (i + 1 == count ? 2047 : 511);
            const std::uint64_t word = world_.memory.load(table + index * 8);
            if (!usable(word)) return {page_fault(20)};
            if ((word & 0xA) == 0) {
                table = (word >> 10 & low_mask(44)) * 4096;
                if (i == 0 || (word & 0xD0) != 0) return {page_fault(20)};
                continue;
            }
            const bool allowed =
                (!read || (word & 2) != 0) && (!write || (word & 4) != 0) && (!exec || (word & 8) != 0);
            if (!allowed || (word & 0x10) == 0) return {page_fault(20)};
            const bool stores = request_.write;
            request_.write = write;
            const Expected result = leaf(word, i, gpa, 0);
            request_.write = stores;
            return result.cause != 0 || result.address == ~std::uint64_t{0} ? Expected{page_fault(20)} : result;
        }
        return {page_fault(20)};
    }

    static bool usable(std::uint64_t word) { return (word & 1) != 0 && (word & 6) != 4 && word >> 54 == 0; }
    bool rights(std::uint64_t word) const {
        return exec_ ? (word & 8) != 0 : request_.write ? (word & 4) != 0 : (word & 2) != 0;
    }
    Expected leaf(std::uint64_t word, unsigned above, std::uint64_t input, std::uint64_t cause) const {
        const std::uint64_t page = (word >> 10 & low_mask(44)) * 4096, size = std::uint64_t{4096} << 9 * above;
        const bool fine = (page & (size - 1)) == 0 && (word & 0x40) != 0 && (!request_.write || (word & 0x80) != 0);
        if (!fine) return cause != 0 ? Expected{cause} : Expected{0, ~std::uint64_t{0}};
        return {0, page | (input & (size - 1))};
    }

    World& world_;
    Request request_;
    std::uint64_t hgatp_ = 0;
    bool exec_ = false, supervisor_ = false, sum_ = false;
};

/// Address spaces whose tables lie in a few pages, so that accesses meet again.
struct RandomWorld : World {
    RandomWorld(const RiscvParams& params, std::uint64_t seed) : World(params), rng(seed, "riscv differential") {
        for (std::uint64_t& guest : guests) {
            guest = new_page(4);
            // Guest memory from 1 GiB on is 64 MiB higher in the machine: pages for tables, and others, which change.
            for (std::uint64_t page = 0; page < kTablePages + kOtherPages; ++page) {
                map(guest, Mode::sv39, true, kGuestBase + page * 4096, kGuestBase + kGuestOffset + page * 4096);
            }
            for (unsigned i = 0; i < 40; ++i) change_guest(guest);
        }
        for (unsigned device = 1; device <= kDevices; ++device) make_device(device);
    }
    static constexpr std::uint64_t kGuestBase = 0x40000000, kGuestOffset = 0x4000000, kTablePages = 1024,
                                   kOtherPages = 128;

    struct Space {
        std::uint64_t root = 0;  ///< where the machine has it
        Mode mode = Mode::sv39;
        std::uint32_t pscid = 0;
        int guest = -1;
    };
    struct Device {
        int guest = -1;
        bool processes = false;
        std::vector<std::size_t> spaces;
    };

    /// A page for a table of `guest` (-1: none), as the tables name it.
    std::uint64_t table_page(int guest) {
        if (guest < 0) return new_page();
        const std::uint64_t at = kGuestBase + next_guest_page_[guest] * 4096;
        ++next_guest_page_[guest];
        return at;
    }
    std::uint64_t machine(int guest, std::uint64_t address) const {
        return guest < 0 ? address : address + kGuestOffset;
    }

    void make_device(unsigned did) {
        Device device;
        device.guest = rng.below(2) == 0 ? -1 : static_cast<int>(rng.below(kGuests));
        device.processes = rng.below(3) == 0;
        const std::uint64_t iohgatp = device.guest < 0
                                          ? 0
                                          : atp_of(atp::SV39, guests[static_cast<std::size_t>(device.guest)],
                                                   static_cast<std::uint64_t>(device.guest) + 1);
        if (!device.processes) {
            const std::size_t space = make_space(device.guest);
            device.spaces.push_back(space);
            set_dc(did, 1, iohgatp, ta::PSCID.of(spaces[space].pscid), satp(spaces[space]));
        } else {
            const std::uint64_t directory = table_page(device.guest);
            for (std::uint64_t pid = 0; pid < kProcesses; ++pid) {
                const std::size_t space = make_space(device.guest);
                device.spaces.push_back(space);
                const std::uint64_t at = machine(device.guest, directory) + pid * 16;
                memory.store(at, 1 | rng.below(4) << 1 | ta::PSCID.of(spaces[space].pscid));
                memory.store(at + 8, satp(spaces[space]));
            }
            set_dc(did, 1 | tc::PDTV.of(1) | tc::DPE.of(rng.below(2)), iohgatp, 0, atp_of(atp::PD8, directory));
        }
        devices.push_back(device);
    }
    std::uint64_t satp(const Space& space) const {
        return atp_of(atp::SV39 + static_cast<unsigned>(space.mode) - static_cast<unsigned>(Mode::sv39), space.root);
    }
    std::size_t make_space(int guest) {
        Space space;
        space.guest = guest;
        space.mode = static_cast<Mode>(static_cast<unsigned>(Mode::sv39) + rng.below(3));
        space.pscid = static_cast<std::uint32_t>(spaces.size() + 1);
        space.root = table_page(guest);
        spaces.push_back(space);
        for (unsigned i = 0; i < 200; ++i) change(spaces.size() - 1);
        return spaces.size() - 1;
    }
    /// Inputs are few: two tables of pages, in both halves.
    std::uint64_t input(const Space& space) {
        const std::uint64_t low = (rng.below(2) << 21) + (rng.below(24) << 12);
        const unsigned bits = riscv_table::input_bits(space.mode);
        return rng.below(3) == 0 ? low | (~std::uint64_t{0} << (bits - 1)) : low;
    }
    std::uint64_t random_leaf() {
        std::uint64_t word = kLeaf;
        // Not G: a global page would have to be in every address space.
        constexpr unsigned kBits[] = {0, 1, 2, 3, 4, 6, 7, 58};
        if (rng.below(4) == 0) word ^= std::uint64_t{1} << kBits[rng.below(std::size(kBits))];
        return word;
    }
    std::uint64_t output(int guest) {
        return guest < 0 ? 0x100000000 + (rng.below(512) << 12)
                         : kGuestBase + ((kTablePages + rng.below(kOtherPages)) << 12);
    }
    /// Another leaf somewhere in a space; returns the input address.
    std::uint64_t change(std::size_t index) {
        const Space& space = spaces[index];
        const std::uint64_t at = input(space);
        std::uint64_t table = space.root;
        for (unsigned level = riscv_table::levels(space.mode) - 1;; --level) {
            const std::uint64_t entry =
                machine(space.guest, table) + (at >> riscv_table::shift(space.mode, level) & 511) * 8;
            std::uint64_t word = memory.load(entry);
            if (level == 0) {
                memory.store(entry, rng.below(8) == 0 ? 0 : random_leaf() | pte::PPN.of(output(space.guest) >> 12));
                return at;
            }
            if (word == 0) {
                word = 1 | pte::PPN.of(table_page(space.guest) >> 12);
                memory.store(entry, word);
            }
            table = riscv_table::table_address(word, space.mode);
        }
    }
    /// Not in the pages where tables lie.
    void change_guest(std::uint64_t guest) {
        const std::uint64_t gpa = kGuestBase + ((kTablePages + rng.below(kOtherPages)) << 12);
        map(guest, Mode::sv39, true, gpa, 0x200000000 + (rng.below(512) << 12), random_leaf());
    }

    Rng rng;
    std::uint64_t guests[kGuests] = {};
    std::vector<Space> spaces;
    std::vector<Device> devices;

private:
    std::uint64_t next_guest_page_[kGuests] = {0,
                                               kTablePages / 2};  ///< they share the machine's pages, each its own half
};

void compare(bool caches, std::uint64_t seed) {
    RiscvParams params = bench_params(capabilities_by_name("full"), caches);
    params.tlb.entries = 256;
    params.gpa_cache.entries = 16;
    params.ddt_cache.entries = 4;
    params.pdt_cache.entries = 4;
    RandomWorld world(params, seed);
    FlatWalker walker(world);
    unsigned done = 0, faults = 0;
    for (unsigned i = 0; i < kAccesses / 4; ++i) {
        const auto number = static_cast<unsigned>(world.rng.below(kDevices));
        const RandomWorld::Device& device = world.devices[number];
        const std::size_t process = world.rng.below(device.spaces.size());
        const RandomWorld::Space& space = world.spaces[device.spaces[process]];
        Request request =
            world.request(number + 1, world.input(space) + world.rng.below(4096), world.rng.below(3) == 0);
        request.instruction = !request.write && world.rng.below(6) == 0;
        if (device.processes && world.rng.below(4) != 0) {
            request.ssid = SubstreamId{static_cast<std::uint32_t>(process)};
            request.privileged = world.rng.below(2) == 0;
        }
        const Expected expected = walker.translate(request);
        const Step step = world.translate(request);
        INFO(fmt::format("seed {} access {}: device {} address {:#x} write {} exec {} process {}", seed, i, number + 1,
                         request.address, request.write, request.instruction,
                         request.ssid ? static_cast<int>(value(*request.ssid)) : -1));
        if (expected.cause != 0) {
            ++faults;
            REQUIRE(step.kind == StepKind::fault);
            REQUIRE(std::uint64_t{step.result.fault} == expected.cause);
        } else {
            ++done;
            REQUIRE(step.kind == StepKind::done);
            REQUIRE(step.result.pa.value == expected.address);
        }
        world.write(reg::FQH, world.read(reg::FQT, 4), 4);
        if (world.rng.below(48) == 0) {  // software changes a page, and drops it
            const std::size_t index = world.rng.below(world.spaces.size());
            const std::uint64_t at = world.change(index);
            const RandomWorld::Space& changed = world.spaces[index];
            // Without PSCV: global pages go too.
            std::uint64_t word = 1;
            if (changed.guest >= 0)
                word |= cmd::GV.of(1) | cmd::GSCID.of(static_cast<std::uint64_t>(changed.guest) + 1);
            const bool by_address = world.rng.below(4) != 0;
            if (by_address) word |= cmd::AV.of(1);
            world.command(word, by_address ? cmd::ADDR_PAGE.of(at >> 12) : 0);
            world.fence();
        }
        if (world.rng.below(128) == 0) {
            const auto guest = static_cast<std::size_t>(world.rng.below(kGuests));
            world.change_guest(world.guests[guest]);
            world.command(0x81 | cmd::GV.of(1) | cmd::GSCID.of(guest + 1), 0);
            world.fence();
        }
    }
    INFO(fmt::format("{} done, {} faults", done, faults));
    CHECK(done > kAccesses / 16);
    CHECK(faults > kAccesses / 64);
    if (caches) CHECK(world.unit.tlb.counters().hits > kAccesses / 64);
}

}  // namespace

TEST_CASE("riscv: random tables and accesses go as a walker from the specification says", "[iommu][riscv]") {
    const bool caches = GENERATE(false, true);
    const std::uint64_t seed = GENERATE(1, 2);
    compare(caches, seed);
}

}  // namespace xlate::iommu::riscv
