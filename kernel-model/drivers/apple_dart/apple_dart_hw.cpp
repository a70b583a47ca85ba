#include "kernel-model/drivers/apple_dart/apple_dart_hw.hpp"

#include <array>

namespace xlate::kernel {

namespace dart = iommu::dart;
using iommu::dart_table::Words;

namespace {

constexpr std::array kKinds{
    AppleDartKind{"apple,t8103-dart", false, Words::dart1, 36},
    AppleDartKind{"apple,t8103-usb4-dart", false, Words::dart1, 36},
    AppleDartKind{"apple,t6000-dart", false, Words::dart2, 42},
    AppleDartKind{"apple,t8110-dart", true, Words::dart2, 0},
};
constexpr std::uint64_t kBusyTimeoutUs = 100;

}  // namespace

const AppleDartKind* apple_dart_kind(const firmware::Node& node) {
    for (const std::string& compatible : node.compatible) {
        for (const AppleDartKind& kind : kKinds) {
            if (compatible == kind.compatible) return &kind;
        }
    }
    return nullptr;
}

AppleDart::AppleDart(Kernel& the_kernel, Device& the_dev, const AppleDartKind& the_kind, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "apple_dart"),
      dev(the_dev),
      kind(the_kind),
      mistakes(the_mistakes),
      prefix("apple-dart " + the_dev.name),
      sid2group(dart::kMaxStreams),
      lock_(the_kernel, "dart->lock"),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

std::uint32_t AppleDart::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regs + offset, 4));
}
void AppleDart::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + offset, 4, value);
}

void AppleDart::read_parameters() {
    page_log2 = static_cast<unsigned>(dart::params1::PAGE_SHIFT.get(read(dart::PARAMS1)));
    supports_bypass = dart::params2::BYPASS_SUPPORT.test(read(dart::PARAMS2));
    if (!kind.t8110) {
        num_streams = dart::t8020::kStreams;
        ias = 32;
        oas = kind.oas;
        return;
    }
    const std::uint32_t three = read(dart::t8110::PARAMS3), four = read(dart::t8110::PARAMS4);
    ias = static_cast<unsigned>(dart::t8110::params3::VA_WIDTH.get(three));
    oas = static_cast<unsigned>(dart::t8110::params3::PA_WIDTH.get(three));
    num_streams = static_cast<unsigned>(dart::t8110::params4::NUM_SIDS.get(four));
}

int AppleDart::apple_dart_hw_reset() {
    Frame frame{kernel(), "apple_dart_hw_reset"};
    const std::uint32_t config = read(kind.t8110 ? dart::t8110::PROTECT : dart::t8020::CONFIG);
    const bool locked =
        kind.t8110 ? dart::t8110::protect::TTBR_TCR.test(config) : dart::t8020::config::LOCK.test(config);
    if (locked) {
        kernel().console.err(prefix, "DART is locked down until reboot: {:08x}", config);
        return -kEINVAL;
    }
    DartStreams all;
    for (unsigned stream = 0; stream < num_streams; ++stream) all.set(stream);
    apple_dart_hw_disable_dma(all);
    for (unsigned i = 0; i < ttbr_count(); ++i) apple_dart_hw_clear_ttbr(all, i);
    const std::uint32_t enable = kind.t8110 ? dart::t8110::ENABLE : dart::t8020::STREAMS_ENABLE;
    for (unsigned word = 0; word < (num_streams + 31) / 32; ++word) write(enable + 4 * word, 0xFFFFFFFF);
    const std::uint32_t error = kind.t8110 ? dart::t8110::ERROR : dart::t8020::ERROR;
    write(error, read(error));
    if (kind.t8110) write(dart::t8110::ERROR_MASK, 0);
    return invalidate_tlb(all);
}

void AppleDart::write_tcr(const DartStreams& streams, std::uint32_t value) {
    for_each_stream(streams, [&](unsigned stream) {
        write(kind.t8110 ? dart::t8110::tcr_offset(stream) : dart::t8020::tcr_offset(stream), value);
    });
}
void AppleDart::write_ttbr(const DartStreams& streams, unsigned index, std::uint32_t value) {
    for_each_stream(streams, [&](unsigned stream) {
        write(kind.t8110 ? dart::t8110::ttbr_offset(stream) : dart::t8020::ttbr_offset(stream, index), value);
    });
}

void AppleDart::apple_dart_hw_set_ttbr(const DartStreams& streams, unsigned index, std::uint64_t table) {
    Frame frame{kernel(), "apple_dart_hw_set_ttbr"};
    const std::uint64_t word =
        kind.t8110 ? dart::t8110::ttbr::VALID.of(1) | dart::t8110::ttbr::ADDRESS.of(table >> dart::t8110::ttbr::kShift)
                   : dart::t8020::ttbr::VALID.of(1) | dart::t8020::ttbr::ADDRESS.of(table >> dart::t8020::ttbr::kShift);
    write_ttbr(streams, index, static_cast<std::uint32_t>(word));
}
void AppleDart::apple_dart_hw_clear_ttbr(const DartStreams& streams, unsigned index) { write_ttbr(streams, index, 0); }

void AppleDart::apple_dart_hw_enable_translation(const DartStreams& streams) {
    const std::uint64_t tcr = kind.t8110 ? dart::t8110::tcr::TRANSLATE.of(1) : dart::t8020::tcr::TRANSLATE.of(1);
    write_tcr(streams, static_cast<std::uint32_t>(tcr));
}
void AppleDart::apple_dart_hw_enable_bypass(const DartStreams& streams) {
    const std::uint64_t tcr = kind.t8110 ? dart::t8110::tcr::BYPASS_DART.of(1) | dart::t8110::tcr::BYPASS_DAPF.of(1)
                                         : dart::t8020::tcr::BYPASS_DART.of(1) | dart::t8020::tcr::BYPASS_DAPF.of(1);
    write_tcr(streams, static_cast<std::uint32_t>(tcr));
}
void AppleDart::apple_dart_hw_disable_dma(const DartStreams& streams) { write_tcr(streams, 0); }

// Linux polls without a pause, for at most 100 us.
int AppleDart::wait_while_busy(std::uint32_t offset, const Field& busy, std::uint32_t command) {
    const SimTime limit = kernel().machine.now() + us(kBusyTimeoutUs);
    for (;;) {
        if (!busy.test(read(offset))) return 0;
        if (kernel().machine.now() > limit) break;
        kernel().machine.pass(us(1));
    }
    kernel().console.err(prefix, "busy bit did not clear after command {:x}", command);
    return -kETIMEDOUT;
}

int AppleDart::invalidate_tlb(const DartStreams& streams) {
    Frame frame{kernel(), kind.t8110 ? "apple_dart_t8110_hw_invalidate_tlb" : "apple_dart_t8020_hw_invalidate_tlb"};
    int result = 0;
    lock_.lock("DTI1");
    if (!kind.t8110) {
        std::uint32_t mask = 0;
        for_each_stream(streams, [&](unsigned stream) { mask |= std::uint32_t{1} << stream; });
        const auto command = static_cast<std::uint32_t>(dart::t8020::command::INVALIDATE.of(1));
        write(dart::t8020::STREAM_SELECT, mask);
        write(dart::t8020::STREAM_COMMAND, command);
        result = wait_while_busy(dart::t8020::STREAM_COMMAND, dart::t8020::command::BUSY, command);
    } else {
        for_each_stream(streams, [&](unsigned stream) {
            if (result != 0) return;
            const auto command = static_cast<std::uint32_t>(
                dart::t8110::command::OP.of(dart::t8110::command::OP_STREAM) | dart::t8110::command::STREAM.of(stream));
            write(dart::t8110::TLB_CMD, command);
            result = wait_while_busy(dart::t8110::TLB_CMD, dart::t8110::command::BUSY, command);
        });
    }
    lock_.unlock("DTI2");
    return result;
}

void AppleDart::request_irq(const firmware::Node& node) {
    if (node.interrupts.empty()) return;
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name, irq_.entry([this] {
        if (kind.t8110) {
            apple_dart_t8110_irq();
        } else {
            apple_dart_t8020_irq();
        }
    }));
}

void AppleDart::apple_dart_t8020_irq() {
    Frame frame{kernel(), "apple_dart_t8020_irq"};
    namespace error = dart::t8020::error;
    const std::uint32_t word = read(dart::t8020::ERROR);
    if (!error::FLAG.test(word)) return;
    const auto code = static_cast<std::uint32_t>(error::CODE.get(word));
    const std::uint64_t low = read(dart::t8020::ERROR_ADDR_LO);
    const std::uint64_t address = low | std::uint64_t{read(dart::t8020::ERROR_ADDR_HI)} << 32;
    const char* name = "unknown";
    if (code == error::READ) name = "READ FAULT";
    if (code == error::WRITE) name = "WRITE FAULT";
    if (code == error::NO_PTE) name = "NO PTE FOR IOVA";
    if (code == error::NO_PMD) name = "NO PMD FOR IOVA";
    if (code == error::NO_TTBR) name = "NO TTBR FOR IOVA";
    kernel().console.err(prefix, "translation fault: status:0x{:x} stream:{} code:0x{:x} ({}) at 0x{:x}", word,
                         error::STREAM.get(word), code, name, address);
    write(dart::t8020::ERROR, word);
}

void AppleDart::apple_dart_t8110_irq() {
    Frame frame{kernel(), "apple_dart_t8110_irq"};
    namespace error = dart::t8110::error;
    const std::uint32_t word = read(dart::t8110::ERROR);
    if (!error::FLAG.test(word)) return;
    const auto code = static_cast<std::uint32_t>(error::CODE.get(word));
    const std::uint64_t low = read(dart::t8110::ERROR_ADDR_LO);
    const std::uint64_t address = low | std::uint64_t{read(dart::t8110::ERROR_ADDR_HI)} << 32;
    const auto stream = static_cast<unsigned>(error::STREAM.get(word));
    const char* name = "unknown";
    if (code == error::READ) name = "READ FAULT";
    if (code == error::WRITE) name = "WRITE FAULT";
    if (code == error::NO_PTE) name = "NO PTE FOR IOVA";
    if (code == error::NO_PMD) name = "NO PMD FOR IOVA";
    if (code == error::NO_PGD) name = "NO PGD FOR IOVA";
    if (code == error::NO_TTBR) name = "NO TTBR FOR IOVA";
    kernel().console.err(prefix, "translation fault: status:0x{:x} stream:{} code:0x{:x} ({}) at 0x{:x}", word, stream,
                         code, name, address);
    write(dart::t8110::ERROR, word);
    for (unsigned i = 0; i < (num_streams + 31) / 32; ++i) {
        write(dart::t8110::ERROR_STREAMS + 4 * i, 0xFFFFFFFF);
    }
}

}  // namespace xlate::kernel
