#include "tests/iommu/amd_flat_walker.hpp"

namespace xlate::iommu::amd {
namespace {

using Word = std::uint64_t;

constexpr Word bits(Word word, unsigned high, unsigned low) {
    return word >> low & (high - low == 63 ? ~Word{0} : (Word{1} << (high - low + 1)) - 1);
}

/// Flags of IO_PAGE_FAULT, in dword 1.
constexpr std::uint32_t kGn = 1U << 16, kNx = 1U << 17, kUs = 1U << 18, kPr = 1U << 20, kRw = 1U << 21, kPe = 1U << 22,
                        kRz = 1U << 23;

class Walker {
public:
    Walker(const FlatUnit& unit, const FlatAccess& access, MemoryPort& memory)
        : unit_(unit), access_(access), memory_(memory) {}

    FlatAnswer walk() {
        const Word entries = (bits(unit_.devtab, 8, 0) + 1) * 128;
        if (access_.device >= entries) return event(1, 0, access_.address);
        const Word at = (unit_.devtab & 0xFFFFFFFFFF000) + Word{access_.device} * 32;
        for (unsigned i = 0; i < 4; ++i) {
            if (!read(at + 8 * i, dte_[i])) return event(3, 1U << 25, at);
        }
        if ((dte_[0] & 1) == 0) return pass(access_.address);
        if ((dte_[0] & 0x800000000000007C) != 0 || bits(dte_[2], 53, 52) != 0 || bits(dte_[3], 14, 0) != 0 ||
            bits(dte_[3], 53, 48) != 0) {
            return event(1, kRz | rw(), access_.address);
        }
        const bool tv = bits(dte_[0], 1, 1) != 0;
        const Word mode = bits(dte_[0], 11, 9);
        if (tv && mode > 6) return event(1, rw(), access_.address);
        if (access_.address >> 20 == 0xFEE && !access_.pasid) {
            if (!access_.write) return event(8, 0, access_.address);
            return pass(access_.address);
        }
        const bool allowed = bits(unit_.exclusion, 1, 1) != 0 || bits(dte_[1], 39, 39) != 0;
        if ((unit_.exclusion & 1) != 0 && allowed && !access_.pasid &&
            access_.address >> 12 >= bits(unit_.exclusion, 51, 12) &&
            access_.address >> 12 <= bits(unit_.exclusion_limit, 51, 12)) {
            return pass(access_.address);
        }
        const bool gv = bits(dte_[0], 55, 55) != 0 && unit_.guest;
        const bool guest = gv && (access_.pasid || bits(dte_[0], 54, 54) != 0);
        if (access_.pasid && !gv) return page_fault(0);
        if (!tv && mode != 0) return page_fault(0);
        readable_ = bits(dte_[0], 61, 61) != 0;
        writable_ = bits(dte_[0], 62, 62) != 0;
        host_ = tv && mode != 0;
        Word at_host = access_.address;
        if (guest && !process(at_host)) return answer_;
        if (host_ && !host(at_host, true)) return answer_;
        const bool rights = access_.write ? writable_ : readable_;
        if (!rights || (access_.execute && !executable_) || (!access_.privileged && !user_)) {
            return page_fault(kPr | kPe);
        }
        return pass(at_host);
    }

private:
    bool read(Word address, Word& word) {
        std::uint8_t bytes[8] = {};
        if (!memory_.read(PhysAddr{address}, bytes, 8)) return false;
        word = load_le(bytes, 8);
        return true;
    }
    std::uint32_t rw() const { return access_.write ? kRw : 0; }
    static FlatAnswer pass(Word pa) {
        FlatAnswer answer;
        answer.passes = true;
        answer.pa = pa;
        return answer;
    }
    FlatAnswer event(std::uint32_t code, std::uint32_t flags, Word address) {
        answer_ = {};
        answer_.logged = true;
        answer_.event[0] = access_.device;
        answer_.event[1] = code << 28 | flags;
        if (code == 1 && flags == 0) answer_.event[1] |= rw();
        if (code == 3) answer_.event[1] |= rw();
        answer_.event[2] = static_cast<std::uint32_t>(address);
        answer_.event[3] = static_cast<std::uint32_t>(address >> 32);
        return answer_;
    }
    FlatAnswer page_fault(std::uint32_t flags) {
        event(2, flags | rw(), access_.address);
        if (access_.pasid) {
            answer_.event[0] |= *access_.pasid & 0xF0000;
            answer_.event[1] |=
                kGn | (*access_.pasid & 0xFFFF) | (access_.execute ? kNx : 0) | (access_.privileged ? 0 : kUs);
        } else {
            answer_.event[1] |= static_cast<std::uint32_t>(bits(dte_[1], 15, 0));
        }
        answer_.logged = bits(dte_[1], 34, 34) == 0;
        return answer_;
    }
    bool no(std::uint32_t flags) {
        page_fault(flags);
        return false;
    }
    bool broken(Word address) {
        event(4, 1U << 25 | rw() | static_cast<std::uint32_t>(bits(dte_[1], 15, 0)), address);
        return false;
    }

    /// v1. `data`: its rights are the access's; else those of a table's word, which is read.
    bool host(Word& address, bool data) {
        auto level = static_cast<unsigned>(bits(dte_[0], 11, 9));
        Word table = dte_[0] & 0xFFFFFFFFFF000;
        if (level < 6 && address >> (12 + 9 * level) != 0) return no(0);
        bool may_read = true, may_write = true;
        for (;;) {
            const unsigned shift = 12 + 9 * (level - 1);
            const Word at = table + (address >> shift & 0x1FF) * 8;
            Word word = 0;
            if (!read(at, word)) return broken(at);
            if ((word & 1) == 0) return no(0);
            if (bits(word, 58, 52) != 0) return no(kPr | kRz);
            may_read = may_read && bits(word, 61, 61) != 0;
            may_write = may_write && bits(word, 62, 62) != 0;
            const auto next = static_cast<unsigned>(bits(word, 11, 9));
            Word size = Word{1} << shift;
            if (next == 7) {
                unsigned zero = 12;
                while (bits(word, zero, zero) != 0) ++zero;
                size = Word{2} << zero;
            }
            if (next == 0 || next == 7) {
                address = ((word & 0xFFFFFFFFFF000) & ~(size - 1)) | (address & (size - 1));
                break;
            }
            if (next >= level) return no(kPr);
            for (unsigned skipped = next + 1; skipped < level; ++skipped) {
                if ((address >> (12 + 9 * (skipped - 1)) & 0x1FF) != 0) return no(0);
            }
            table = word & 0xFFFFFFFFFF000;
            level = next;
        }
        if (!data && !may_read) return no(kPr | kPe);
        if (data) {
            readable_ = readable_ && may_read;
            writable_ = writable_ && may_write;
        }
        return true;
    }

    /// GCR3 and v2.
    bool process(Word& address) {
        const unsigned levels = bits(dte_[2], 55, 54) == 1 ? 5 : 4;
        const auto up = static_cast<std::int64_t>(address) >> (12 + 9 * levels - 1);
        if (up != 0 && up != -1) return no(0);
        const auto glx = static_cast<unsigned>(bits(dte_[0], 57, 56)) + 1;
        const Word pasid = access_.pasid.value_or(0);
        if (glx < 3 && pasid >> (9 * glx) != 0) return no(0);
        Word table = bits(dte_[0], 60, 58) << 12 | bits(dte_[1], 31, 16) << 15 | bits(dte_[1], 63, 43) << 31;
        for (unsigned level = glx; level > 0; --level) {
            const Word at = table + (pasid >> (9 * (level - 1)) & 0x1FF) * 8;
            Word word = 0;
            if (!read(at, word)) return broken(at);
            if ((word & 1) == 0) return no(0);
            table = word & 0xFFFFFFFFFF000;
        }
        for (unsigned level = levels; level > 0; --level) {
            const unsigned shift = 12 + 9 * (level - 1);
            Word at = table + (address >> shift & 0x1FF) * 8;
            if (host_ && !host(at, false)) return false;
            Word word = 0;
            if (!read(at, word)) return broken(at);
            if ((word & 1) == 0) return no(0);
            writable_ = writable_ && bits(word, 1, 1) != 0;
            user_ = user_ && bits(word, 2, 2) != 0;
            executable_ = executable_ && bits(word, 63, 63) == 0;
            if (level > 3 && bits(word, 7, 7) != 0) return no(kPr | kRz);
            const Word size = Word{1} << shift;
            if (level == 1 || bits(word, 7, 7) != 0) {
                address = ((word & 0xFFFFFFFFFF000) & ~(size - 1)) | (address & (size - 1));
                return true;
            }
            table = word & 0xFFFFFFFFFF000;
        }
        return true;
    }

    const FlatUnit& unit_;
    const FlatAccess& access_;
    MemoryPort& memory_;
    Word dte_[4] = {};
    bool host_ = false;
    bool readable_ = true, writable_ = true, executable_ = true, user_ = true;
    FlatAnswer answer_;
};

}  // namespace

FlatAnswer flat_walk(const FlatUnit& unit, const FlatAccess& access, MemoryPort& memory) {
    return Walker(unit, access, memory).walk();
}

}  // namespace xlate::iommu::amd
