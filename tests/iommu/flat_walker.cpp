#include "tests/iommu/flat_walker.hpp"

#include <algorithm>

namespace xlate::tests::flat {

namespace {

using u64 = std::uint64_t;

u64 bits(u64 word, int high, int low) {
    return (word >> low) & (high - low == 63 ? ~u64{0} : (u64{1} << (high - low + 1)) - 1);
}
bool bit(u64 word, int n) { return ((word >> n) & 1) != 0; }

unsigned size_code(u64 code) {
    switch (code) {
        case 0:
            return 32;
        case 1:
            return 36;
        case 2:
            return 40;
        case 3:
            return 42;
        case 4:
            return 44;
        case 5:
            return 48;
        default:
            return 52;
    }
}

/// One translation in progress: what is known of the configuration, and the result so far.
class Walk {
public:
    Walk(const Machine& machine, u64 ste_address, const Access& access) : machine_(machine), access_(access) {
        for (unsigned i = 0; i < 4; ++i) ste_[i] = machine.read64(ste_address + 8 * i);
    }

    Outcome run() {
        const u64 config = bits(ste_[0], 3, 1);
        stage1_ = config == 5 || config == 7;
        stage2_ = config == 6 || config == 7;
        u64 ipa = access_.va;
        if (stage1_) {
            u64 cd = bits(ste_[0], 51, 6) << 6;
            if (stage2_ && !second(cd, Use::cd, cd)) return out_;
            for (unsigned i = 0; i < 4; ++i) cd_[i] = machine_.read64(cd + 8 * i);
            if (!first(ipa)) return out_;
        } else if (ipa >> machine_.oas_bits != 0) {
            fault(0x11, false, 2, 0);
            return out_;
        }
        u64 pa = ipa;
        if (stage2_ && !second(ipa, Use::final, pa)) return out_;
        out_.ok = true;
        out_.pa = pa;
        return out_;
    }

private:
    enum class Use { cd, table, table_write, final };

    bool fault(unsigned code, bool s2, unsigned cls, u64 ipa, bool ttrnw = false) {
        out_.ok = false;
        out_.code = code;
        out_.s2 = s2;
        out_.cls = cls;
        out_.ipa = ipa;
        out_.ttrnw = ttrnw;
        return false;
    }

    /// A descriptor as memory will hold it after the updates so far.
    u64 descriptor(u64 address) const {
        for (auto it = out_.updates.rbegin(); it != out_.updates.rend(); ++it) {
            if (it->first == address) return it->second;
        }
        return machine_.read64(address);
    }

    u64 output(u64 descriptor_word, int low, int page, bool ds) const {
        if (ds) return bits(descriptor_word, 49, low) << low | bits(descriptor_word, 9, 8) << 50;
        u64 address = bits(descriptor_word, 47, low) << low;
        if (page == 16 && machine_.oas_bits == 52) address |= bits(descriptor_word, 15, 12) << 48;
        return address;
    }
    bool block_ok(int page, int level, bool ds) const {
        if (page == 12) return level == 1 || level == 2 || (level == 0 && ds);
        if (page == 14) return level == 2 || (level == 1 && ds);
        return level == 2 || (level == 1 && machine_.oas_bits == 52);
    }

    bool second(u64 ipa, Use use, u64& pa) {
        const unsigned cls = use == Use::cd ? 0 : use == Use::final ? 2 : 1;
        const auto fail = [&](unsigned code, bool ttrnw = false) {
            return fault(code, true, cls, ipa & ~u64{0xFFF}, ttrnw);
        };
        const int page = bits(ste_[2], 47, 46) == 0 ? 12 : bits(ste_[2], 47, 46) == 1 ? 16 : 14;
        const int stride = page - 3;
        const unsigned input = 64 - static_cast<unsigned>(bits(ste_[2], 37, 32));
        const bool ds = machine_.ds && bit(ste_[3], 3) && page != 16;
        unsigned size = std::min(size_code(bits(ste_[2], 50, 48)), machine_.oas_bits);
        if (page != 16 && !ds) size = std::min(size, 48U);
        const bool ha = bit(ste_[2], 56);
        const bool hd = ha && bit(ste_[2], 55);
        const bool affd = !ha && bit(ste_[2], 53);
        const bool ptw = bit(ste_[2], 54);
        if (ipa >> input != 0) return fail(0x10);
        const int sl0 = static_cast<int>(bits(ste_[2], 39, 38));
        int level = page == 12 ? (sl0 == 3 ? 3 : 2 - sl0) : 3 - sl0;
        if (page == 12 && ds && bit(ste_[3], 2)) level = -1;
        // The root, concatenated or not, is as large as the input needs and aligned to that.
        int shift = page + (3 - level) * stride;
        u64 root_bytes = (u64{1} << (input - static_cast<unsigned>(shift))) * 8;
        root_bytes = std::max<u64>(root_bytes, size == 52 ? 64 : 16);
        u64 table = (bits(ste_[3], 51, 4) << 4) & ~(root_bytes - 1);
        u64 index = ipa >> shift;
        for (;;) {
            const u64 where = table + index * 8;
            const u64 d = descriptor(where);
            if (!bit(d, 0)) return fail(0x10);
            if (level < 3 && bit(d, 1)) {
                const u64 next = output(d, page, page, ds);
                if (next >> size != 0) return fail(0x11);
                table = next;
                ++level;
                shift -= stride;
                index = bits(ipa, shift + stride - 1, shift);
                continue;
            }
            if (level == 3 ? !bit(d, 1) : !block_ok(page, level, ds)) return fail(0x10);
            const u64 base = output(d, shift, page, ds);
            if (base >> size != 0) return fail(0x11);
            u64 updated = d;
            if (!bit(d, 10)) {
                if (ha) {
                    updated |= u64{1} << 10;
                } else if (!affd) {
                    return fail(0x12);
                }
            }
            const bool readable = bit(d, 6);
            bool writable = bit(d, 7);
            const bool wants_write = use == Use::table_write || (use == Use::final && access_.write);
            if (wants_write && !writable && hd && bit(d, 51)) {
                updated |= u64{1} << 7;
                writable = true;
            }
            bool allowed = true;
            if (use == Use::final) {
                if (access_.write) {
                    allowed = writable;
                } else if (access_.instruction) {
                    const u64 xn = machine_.xnx ? bits(d, 54, 53) : bit(d, 54) ? 2 : 0;
                    const bool never = xn == 2 || (xn == 1 && access_.privileged) || (xn == 3 && !access_.privileged);
                    allowed = readable && !never;
                } else {
                    allowed = readable;
                }
            } else {
                allowed = readable && (use != Use::table_write || writable);
                if (ptw && bits(d, 5, 4) == 0) allowed = false;
            }
            if (!allowed) return fail(0x13, use == Use::table);
            if (updated != d) out_.updates.emplace_back(where, updated);
            pa = base | (ipa & ((u64{1} << shift) - 1));
            return true;
        }
    }

    bool first(u64& va) {
        const auto fail = [&](unsigned code) { return fault(code, false, 2, 0); };
        const bool el2 = bits(ste_[0], 3, 1) == 5 && bits(ste_[1], 31, 30) == 2;
        const bool one_privilege = el2 && !machine_.e2h;
        const bool upper = !one_privilege && bit(va, 55);
        const bool tbi = bit(cd_[0], upper ? 39 : 38);
        const unsigned input = 64 - static_cast<unsigned>(upper ? bits(cd_[0], 21, 16) : bits(cd_[0], 5, 0));
        for (unsigned n = input; n < (tbi ? 56 : 64); ++n) {
            if (bit(va, static_cast<int>(n)) != upper) return fail(0x10);
        }
        if (!one_privilege && bit(cd_[0], upper ? 30 : 14)) return fail(0x10);
        int page = 12;
        const u64 tg = upper ? bits(cd_[0], 23, 22) : bits(cd_[0], 7, 6);
        if (upper) {
            page = tg == 1 ? 14 : tg == 2 ? 12 : 16;
        } else {
            page = tg == 0 ? 12 : tg == 1 ? 16 : 14;
        }
        const u64 ttb_word = cd_[upper ? 2 : 1];
        if (bit(ttb_word, 2) && !access_.privileged && !one_privilege) return fail(0x10);  // E0PD
        const bool had = bit(ttb_word, 1);
        const int stride = page - 3;
        const bool ds = machine_.ds && bit(cd_[2], 58) && page != 16;
        unsigned size = std::min(size_code(bits(cd_[0], 34, 32)), machine_.oas_bits);
        if (page != 16 && !ds) size = std::min(size, 48U);
        const bool ha = bit(cd_[0], 43);
        const bool hd = ha && bit(cd_[0], 42);
        const bool affd = !ha && bit(cd_[0], 35);

        int level = 3;
        int shift = page;
        while (shift + stride < static_cast<int>(input)) {
            shift += stride;
            --level;
        }
        u64 root_bytes = (u64{1} << (input - static_cast<unsigned>(shift))) * 8;
        root_bytes = std::max<u64>(root_bytes, size == 52 ? 64 : 16);
        u64 table = (bits(ttb_word, 51, 4) << 4) & ~(root_bytes - 1);
        u64 index = bits(va, static_cast<int>(input) - 1, shift);
        bool no_write = false;
        bool no_user = false;
        bool xn_table = false;
        bool pxn_table = false;
        for (;;) {
            const u64 where_ipa = table + index * 8;
            u64 where = where_ipa;
            if (stage2_ && !second(where_ipa, Use::table, where)) return false;
            const u64 d = descriptor(where);
            if (!bit(d, 0)) return fail(0x10);
            if (level < 3 && bit(d, 1)) {
                const u64 next = output(d, page, page, ds);
                if (next >> size != 0) return fail(0x11);
                if (!had) {
                    no_write = no_write || bit(d, 62);
                    no_user = no_user || bit(d, 61);
                    xn_table = xn_table || bit(d, 60);
                    pxn_table = pxn_table || bit(d, 59);
                }
                table = next;
                ++level;
                shift -= stride;
                index = bits(va, shift + stride - 1, shift);
                continue;
            }
            if (level == 3 ? !bit(d, 1) : !block_ok(page, level, ds)) return fail(0x10);
            const u64 base = output(d, shift, page, ds);
            if (base >> size != 0) return fail(0x11);
            u64 updated = d;
            if (!bit(d, 10)) {
                if (ha) {
                    updated |= u64{1} << 10;
                } else if (!affd) {
                    return fail(0x12);
                }
            }
            const bool clean = bit(d, 7) && hd && bit(d, 51) && !no_write;
            const bool writable = (!bit(d, 7) && !no_write) || clean;
            const bool user = one_privilege || (bit(d, 6) && !no_user);
            const bool as_user = !access_.privileged && !one_privilege;
            bool allowed = true;
            if (as_user && !user) allowed = false;
            if (access_.write) {
                allowed = allowed && writable;
            } else if (access_.instruction) {
                const bool uxn = bit(d, 54) || xn_table;
                const bool pxn = bit(d, 53) || pxn_table;
                const bool xn = one_privilege || as_user ? uxn : pxn || (user && writable);
                allowed = allowed && !xn && !(bit(cd_[0], 36) && writable);
            }
            const bool pan = bit(cd_[0], 40) && !el2;
            if (pan && access_.privileged && !access_.instruction && user) allowed = false;
            if (!allowed) return fail(0x13);
            if (access_.write && clean) updated &= ~(u64{1} << 7);
            if (updated != d) {
                if (stage2_ && !second(where_ipa, Use::table_write, where)) return false;
                out_.updates.emplace_back(where, updated);
            }
            va = base | (va & ((u64{1} << shift) - 1));
            return true;
        }
    }

    const Machine& machine_;
    Access access_;
    u64 ste_[4] = {};
    u64 cd_[4] = {};
    bool stage1_ = false;
    bool stage2_ = false;
    Outcome out_;
};

}  // namespace

Outcome translate(const Machine& machine, std::uint64_t ste_address, const Access& access) {
    return Walk(machine, ste_address, access).run();
}

}  // namespace xlate::tests::flat
