#include "tests/iommu/vmsa_flat_walker.hpp"

#include <algorithm>

namespace xlate::tests::vmsa {

namespace {

using u64 = std::uint64_t;

u64 bits(u64 word, int high, int low) {
    return (word >> low) & (high - low == 63 ? ~u64{0} : (u64{1} << (high - low + 1)) - 1);
}
bool bit(u64 word, int n) { return ((word >> n) & 1) != 0; }
unsigned size_of(u64 code) {
    constexpr unsigned kSizes[8] = {32, 36, 40, 42, 44, 48, 48, 48};
    return kSizes[code & 7];
}

class Walk {
public:
    Walk(const Machine& machine, const BankWords* s1, const BankWords* s2, const Access& access)
        : machine_(machine), s1_(s1), s2_(s2), access_(access) {}

    Outcome run() {
        u64 ipa = access_.va;
        if (s1_ != nullptr && !first(ipa)) return out_;
        u64 pa = ipa;
        if (s2_ != nullptr && !second(ipa, false, pa)) return out_;
        out_.ok = true;
        out_.pa = pa;
        return out_;
    }

private:
    bool fault(unsigned code, bool s2, int level, u64 ipa = 0, bool s1_walk = false) {
        out_ = {};
        out_.code = code;
        out_.s2 = s2;
        out_.level = static_cast<unsigned>(level);
        out_.ipa = ipa;
        out_.s1_walk = s1_walk;
        return false;
    }
    u64 fetch(const BankWords& bank, u64 address, unsigned bytes) const {
        u64 word = machine_.read(address, bytes);
        if (bit(bank.sctlr, 4))
            word = bytes == 8 ? __builtin_bswap64(word) : __builtin_bswap32(static_cast<std::uint32_t>(word));
        return word;
    }

    bool second(u64 ipa, bool for_table, u64& pa) {
        const BankWords& b = *s2_;
        int page = 12;
        unsigned input = 0;
        unsigned size = 0;
        int level = 0;
        const int sl0 = static_cast<int>(bits(b.tcr, 7, 6));
        if (b.va64) {
            page = bits(b.tcr, 15, 14) == 0 ? 12 : bits(b.tcr, 15, 14) == 1 ? 16 : 14;
            input = 64 - static_cast<unsigned>(bits(b.tcr, 5, 0));
            size = std::min(size_of(bits(b.tcr, 18, 16)), machine_.oas_bits);
            level = page == 12 ? 2 - sl0 : 3 - sl0;
        } else {
            const int t0sz = static_cast<int>(bits(b.tcr, 3, 0));
            input = static_cast<unsigned>(32 - (t0sz >= 8 ? t0sz - 16 : t0sz));
            size = std::min(40U, machine_.oas_bits);
            level = 2 - sl0;
        }
        const int first_level = b.va64 ? 0 : 1;
        const int stride = page - 3;
        const auto fail = [&](unsigned code, int at) { return fault(code, true, at, ipa & ~u64{0xFFF}, for_table); };
        if (ipa >> input != 0) return fail(1, first_level);
        const u64 ttb = b.va64 ? bits(b.ttbr0, 47, 4) << 4 : bits(b.ttbr0, 39, 4) << 4;
        if (ttb >> size != 0) return fail(7, first_level);
        int shift = page + (3 - level) * stride;
        const u64 root_bytes = std::max<u64>((u64{1} << (input - static_cast<unsigned>(shift))) * 8, 16);
        u64 table = ttb & ~(root_bytes - 1);
        u64 index = ipa >> shift;
        for (;;) {
            const u64 d = fetch(b, table + index * 8, 8);
            const int top = b.va64 ? 47 : 39;
            if (!bit(d, 0)) return fail(1, level);
            if (level < 3 && bit(d, 1)) {
                table = bits(d, top, page) << page;
                if (table >> size != 0) return fail(7, level);
                ++level;
                shift -= stride;
                index = bits(ipa, shift + stride - 1, shift);
                continue;
            }
            const bool block = page == 12 ? level == 1 || level == 2 : level == 2;
            if (level == 3 ? !bit(d, 1) : !block) return fail(1, level);
            const u64 base = bits(d, top, shift) << shift;
            if (base >> size != 0) return fail(7, level);
            if (!bit(d, 10) && !bit(b.sctlr, 3)) return fail(2, level);
            const bool readable = bit(d, 6);
            const bool writable = bit(d, 7);
            bool allowed = readable;
            if (for_table) {
                if (bit(b.sctlr, 13) && bits(d, 5, 4) == 0) allowed = false;
            } else if (access_.write) {
                allowed = writable;
            } else if (access_.instruction) {
                allowed = readable && !bit(d, 54);
            }
            if (!allowed) return fail(3, level);
            pa = base | (ipa & ((u64{1} << shift) - 1));
            return true;
        }
    }

    /// XN bits are `uxn` and `pxn` as the format says.
    bool allowed(bool user_read, bool user_write, bool read, bool write, bool uxn, bool pxn, bool implied) const {
        const std::uint32_t sctlr = s1_->sctlr;
        const bool r = access_.privileged ? read : user_read;
        const bool w = access_.privileged ? write : user_write;
        if (access_.write) return w;
        if (!access_.instruction) return r;
        bool xn = access_.privileged ? pxn : uxn;
        if (bit(sctlr, 9) && w) xn = true;
        if (access_.privileged && user_write && (implied || bit(sctlr, 10))) xn = true;
        return r && !xn;
    }

    bool first(u64& va) {
        if (s1_->va64) return first64(va);
        return bit(s1_->tcr, 31) ? first_long(va) : first_short(va);
    }

    bool first64(u64& va) {
        const BankWords& b = *s1_;
        // Sign extension.
        u64 a = va;
        const u64 sep = bits(b.tcr2, 17, 15);
        constexpr int kSep[6] = {31, 35, 39, 41, 43, 47};
        const int sign = sep < 6 ? kSep[sep] : machine_.sign49 ? 48 : 0;
        if (sign != 0 && a >> (sign + 1) == 0 && bit(a, sign)) a |= ~u64{0} << (sign + 1);
        const bool upper = bit(a, 55);
        const unsigned input = 64 - static_cast<unsigned>(upper ? bits(b.tcr, 21, 16) : bits(b.tcr, 5, 0));
        const bool tbi = bit(b.tcr2, upper ? 6 : 5);
        for (unsigned n = input; n < (tbi ? 56 : 64); ++n) {
            if (bit(a, static_cast<int>(n)) != upper) return fault(1, false, 0);
        }
        if (bit(b.tcr, upper ? 23 : 7)) return fault(1, false, 0);
        const u64 tg = upper ? bits(b.tcr, 31, 30) : bits(b.tcr, 15, 14);
        int page = 0;
        if (upper) {
            page = tg == 1 ? 14 : tg == 2 ? 12 : 16;
        } else {
            page = tg == 0 ? 12 : tg == 1 ? 16 : 14;
        }
        const unsigned limit = s2_ != nullptr ? machine_.ias_bits : machine_.oas_bits;
        const unsigned size = std::min(size_of(bits(b.tcr2, 2, 0)), limit);
        const u64 ttb = bits(upper ? b.ttbr1 : b.ttbr0, 47, 4) << 4;
        if (ttb >> size != 0) return fault(7, false, 0);
        const int stride = page - 3;
        int level = 3;
        int shift = page;
        while (shift + stride < static_cast<int>(input)) {
            shift += stride;
            --level;
        }
        return descend(a, va, ttb, static_cast<int>(input), page, level, shift, 47, size, true);
    }

    bool first_long(u64& va) {
        const BankWords& b = *s1_;
        if (va >> 32 != 0) return fault(1, false, 1);
        const int t0 = static_cast<int>(bits(b.tcr, 2, 0));
        const int t1 = static_cast<int>(bits(b.tcr, 18, 16));
        const auto top = [&](int n) { return n == 0 ? u64{0} : bits(va, 31, 32 - n); };
        const bool low = top(t0) == 0;
        const bool high = t1 != 0 && top(t1) == (u64{1} << t1) - 1;
        bool upper = false;
        if (t0 == 0) {
            upper = high;
        } else if (!low) {
            if (t1 != 0 && !high) return fault(1, false, 1);
            upper = true;
        }
        if (bit(b.tcr, upper ? 23 : 7)) return fault(1, false, 1);
        const int tsz = upper ? t1 : t0;
        const unsigned size = std::min(40U, machine_.oas_bits);
        const u64 ttb = bits(upper ? b.ttbr1 : b.ttbr0, 39, 4) << 4;
        if (ttb >> size != 0) return fault(7, false, 1);
        const int level = tsz >= 2 ? 2 : 1;
        return descend(va, va, ttb, 32 - tsz, 12, level, level == 1 ? 30 : 21, 39, size, false);
    }

    /// Descriptors of eight bytes from a root of `level` on.
    bool descend(u64 a, u64& va, u64 ttb, int input, int page, int level, int shift, int top, unsigned size, bool a64) {
        const BankWords& b = *s1_;
        const int stride = page - 3;
        const u64 root_bytes = std::max<u64>((u64{1} << (input - shift)) * 8, 16);
        u64 table = ttb & ~(root_bytes - 1);
        u64 index = bits(a, input - 1, shift);
        bool no_write = false;
        bool no_user = false;
        bool xn_table = false;
        bool pxn_table = false;
        for (;;) {
            const u64 where_ipa = table + index * 8;
            u64 where = where_ipa;
            if (s2_ != nullptr && !second(where_ipa, true, where)) return false;
            const u64 d = fetch(b, where, 8);
            if (!bit(d, 0)) return fault(1, false, level);
            if (level < 3 && bit(d, 1)) {
                table = bits(d, top, page) << page;
                if (table >> size != 0) return fault(7, false, level);
                no_write = no_write || bit(d, 62);
                no_user = no_user || bit(d, 61);
                xn_table = xn_table || bit(d, 60);
                pxn_table = pxn_table || bit(d, 59);
                ++level;
                shift -= stride;
                index = bits(a, shift + stride - 1, shift);
                continue;
            }
            const bool block = page == 12 ? level == 1 || level == 2 : level == 2;
            if (level == 3 ? !bit(d, 1) : !block) return fault(1, false, level);
            const u64 base = bits(d, top, shift) << shift;
            if (base >> size != 0) return fault(7, false, level);
            if (!bit(d, 10) && !bit(b.sctlr, 3)) return fault(2, false, level);
            const bool writable = !bit(d, 7) && !no_write;
            const bool user = bit(d, 6) && !no_user;
            const bool xn = bit(d, 54) || xn_table;
            const bool pxn = bit(d, 53) || pxn_table || (!a64 && xn);
            if (!allowed(user, user && writable, true, writable, xn, pxn, a64)) return fault(3, false, level);
            va = base | (a & ((u64{1} << shift) - 1));
            return true;
        }
    }

    bool first_short(u64& va) {
        const BankWords& b = *s1_;
        if (va >> 32 != 0) return fault(1, false, 1);
        const int n = static_cast<int>(bits(b.tcr, 2, 0));
        const bool upper = n != 0 && bits(va, 31, 32 - n) != 0;
        if (bit(b.tcr, upper ? 5 : 4)) return fault(1, false, 1);
        const int width = upper ? 0 : n;
        const u64 root = bits(upper ? b.ttbr1 : b.ttbr0, 31, 14 - width) << (14 - width);
        const unsigned size = std::min(40U, machine_.oas_bits);
        if (root >> size != 0) return fault(7, false, 1);
        u64 where = root + bits(va, 31 - width, 20) * 4;
        if (s2_ != nullptr && !second(where, true, where)) return false;
        u64 d = fetch(b, where, 4);
        int level = 1;
        int shift = 20;
        u64 base = 0;
        u64 ap = 0;
        bool ro = false;
        bool xn = false;
        bool pxn = false;
        if (bits(d, 1, 0) == 0) return fault(1, false, 1);
        if (bits(d, 1, 0) == 1) {
            pxn = bit(d, 2);
            level = 2;
            const u64 table = bits(d, 31, 10) << 10;
            where = table + bits(va, 19, 12) * 4;
            if (s2_ != nullptr && !second(where, true, where)) return false;
            d = fetch(b, where, 4);
            if (bits(d, 1, 0) == 0) return fault(1, false, 2);
            const bool large = bits(d, 1, 0) == 1;
            shift = large ? 16 : 12;
            base = bits(d, 31, shift) << shift;
            xn = bit(d, large ? 15 : 0);
            ap = bits(d, 5, 4);
            ro = bit(d, 9);
        } else {
            pxn = bit(d, 0);
            xn = bit(d, 4);
            ap = bits(d, 11, 10);
            ro = bit(d, 15);
            if (bit(d, 18)) {
                shift = 24;
                base = bits(d, 31, 24) << 24 | bits(d, 23, 20) << 32 | bits(d, 8, 5) << 36;
            } else {
                base = bits(d, 31, 20) << 20;
            }
        }
        if (base >> size != 0) return fault(7, false, level);
        bool user_read = false;
        bool user_write = false;
        bool read = false;
        bool write = false;
        if (bit(b.sctlr, 2)) {
            if (!bit(ap, 0) && !bit(b.sctlr, 3)) return fault(2, false, level);
            read = true;
            write = !ro;
            user_read = bit(ap, 1);
            user_write = user_read && !ro;
        } else {
            read = ap != 0;
            write = ap != 0 && !ro;
            user_read = ap >= 2;
            user_write = ap == 3 && !ro;
        }
        if (!allowed(user_read, user_write, read, write, xn, xn || pxn, false)) return fault(3, false, level);
        va = base | (va & ((u64{1} << shift) - 1));
        return true;
    }

    const Machine& machine_;
    const BankWords* s1_;
    const BankWords* s2_;
    Access access_;
    Outcome out_;
};

}  // namespace

Outcome translate(const Machine& machine, const BankWords* stage1, const BankWords* stage2, const Access& access) {
    return Walk(machine, stage1, stage2, access).run();
}

}  // namespace xlate::tests::vmsa
