// Messages that a RISC-V IOMMU keeps in memory, in a platform that is not ours: what a device writes is pending in the
// file, and a notice of it goes to memory in its place. Expected values: RISC-V Advanced Interrupt Architecture,
// memory-resident interrupt files; RISC-V IOMMU specification, "Process to translate addresses of MSIs".
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "iommu/riscv/layout.hpp"
#include "tests/soc/child.hpp"
#include "tests/soc/foreign_platform.hpp"

namespace xlate::tests {
namespace {

namespace rv = iommu::riscv;

constexpr std::uint64_t kDirectory = 0x100000, kGuest = 0x200000, kEntries = 0x300000, kFile = 0x400000;
constexpr std::uint64_t kNotices = 0x29000000, kGuestFile = 0x40004000;

/// One device, whose guest has one page of an interrupt file at kGuestFile.
struct Platform {
    explicit Platform(LtInitiator& initiator) : platform(riscv()) {
        initiator.socket.bind(checker.target);
        checker.initiator.bind(platform.smmu.masters[0]);
        const std::uint64_t device = kDirectory + SmmuBench::kStream * rv::kExtendedContextBytes;
        store(device, 1);                                                                           // valid
        store(device + 8, rv::atp::MODE.of(rv::atp::SV39) | rv::atp::PPN.of(kGuest >> 12));         // second stage
        store(device + 32, rv::atp::MODE.of(rv::atp::MSI_FLAT) | rv::atp::PPN.of(kEntries >> 12));  // its messages
        store(device + 48, kGuestFile >> 12);                                                       // pattern
        store(kEntries,
              rv::msipte::V.of(1) | rv::msipte::M.of(rv::msipte::MRIF) | rv::msipte::MRIF_ADDR.of(kFile >> 9));
        store(kEntries + 8, rv::msipte::NID_LOW.of(3) | rv::msipte::NPPN.of(kNotices >> 12));
        platform.poke_register(PhysAddr{SmmuBench::kRegisters + rv::reg::DDTP}, 8,
                               rv::ddtp::MODE.of(rv::ddtp::LVL1) | rv::ddtp::PPN.of(kDirectory >> 12));
    }
    static soc::IommuSetup riscv() {
        soc::IommuSetup setup;
        setup.family = "riscv";
        setup.facts.register_bytes = {0x1000};
        return setup;
    }
    void store(std::uint64_t address, std::uint64_t word) {
        std::uint8_t bytes[8];
        store_le(bytes, 8, word);
        platform.poke(PhysAddr{address}, bytes, 8);
    }
    std::uint64_t load(std::uint64_t address, unsigned size) const {
        std::uint64_t word = 0;
        for (unsigned i = 0; i < size; ++i) {
            const auto found = platform.memory.bytes.find(address + i);
            if (found != platform.memory.bytes.end()) word |= std::uint64_t{found->second} << (8 * i);
        }
        return word;
    }

    ForeignPlatform platform;
    soc::ProtocolChecker<> checker{"in"};
};

ForeignAccess message(std::uint64_t address, std::uint32_t data) {
    ForeignAccess access;
    access.address = address;
    access.size = 4;
    access.write = true;
    access.data.resize(4);
    store_le(access.data.data(), 4, data);
    return access;
}

/// What is left behind after `sent`: statuses, the file's first 128 identities, the notice's word.
std::string after(const std::vector<ForeignAccess>& sent, std::uint64_t enabled) {
    return in_child([&] {
        sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
        LtInitiator initiator("initiator");
        Platform platform(initiator);
        platform.store(kFile + 24, enabled);  // of identities 64 to 127
        for (const ForeignAccess& access : sent) initiator.accesses.push_back(access);
        sc_core::sc_start(sc_time(1, sc_core::SC_MS));
        std::string text;
        for (std::size_t i = 0; i < initiator.accesses.size(); ++i) {
            const ForeignAccess& access = initiator.accesses[i];
            text += access.status == tlm::TLM_OK_RESPONSE ? "ok " : "not ok ";
            if (access.data != sent[i].data) text += "(its bytes have changed) ";
        }
        for (const std::string& violation : platform.checker.violations()) text += violation;
        return text + fmt::format("pending {:#x} {:#x} notice {}", platform.load(kFile, 8),
                                  platform.load(kFile + 16, 8), platform.load(kNotices, 4));
    });
}

}  // namespace

TEST_CASE("riscv: a message for a memory-resident file is pending there, and nothing else is written") {
    CHECK(after({message(kGuestFile, 67)}, 0) == "ok pending 0x0 0x8 notice 0");
    CHECK(after({message(kGuestFile, 67), message(kGuestFile, 1), message(kGuestFile, 127)}, 0) ==
          "ok ok ok pending 0x2 0x8000000000000008 notice 0");
}

TEST_CASE("riscv: of an enabled identity a notice is written in the message's place") {
    CHECK(after({message(kGuestFile, 69)}, 1U << 5) == "ok pending 0x0 0x20 notice 3");
    // The one after it passes untouched by what went before.
    CHECK(after({message(kGuestFile, 69), message(kGuestFile, 70)}, 1U << 5) == "ok ok pending 0x0 0x60 notice 3");
}

TEST_CASE("riscv: identities that no file has, and places that are no register of it, leave nothing behind") {
    CHECK(after({message(kGuestFile, 0), message(kGuestFile, 2048), message(kGuestFile + 8, 70)}, ~std::uint64_t{0}) ==
          "ok ok ok pending 0x0 0x0 notice 0");
}

}  // namespace xlate::tests
