#include "firmware/acpi/namespace.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

/// AML's codes, as far as they stand at the level of definitions.
enum Op : unsigned {
    zero = 0x00,
    one = 0x01,
    alias = 0x06,
    name_op = 0x08,
    byte_prefix = 0x0A,
    word_prefix = 0x0B,
    dword_prefix = 0x0C,
    string_prefix = 0x0D,
    qword_prefix = 0x0E,
    scope = 0x10,
    buffer = 0x11,
    package = 0x12,
    var_package = 0x13,
    method = 0x14,
    external = 0x15,
    dual_name = 0x2E,
    multi_name = 0x2F,
    extended = 0x5B,
    noop = 0xA3,
    if_op = 0xA0,
    else_op = 0xA1,
    while_op = 0xA2,
    ones = 0xFF,
};
enum Extended : unsigned {
    mutex = 0x01,
    event = 0x02,
    region = 0x80,
    field = 0x81,
    device = 0x82,
    processor = 0x83,
    power_resource = 0x84,
    thermal_zone = 0x85,
    index_field = 0x86,
    bank_field = 0x87,
};

/// A constant: a number, a text, or a buffer's place; none of them: something that only running it would tell.
struct Value {
    std::optional<std::uint64_t> number;
    std::optional<std::string> text;
    std::uint64_t bytes_at = 0;
    std::uint64_t bytes = 0;
};

/// "PNP0A08" of its compressed form: three letters of five bits and four hexadecimal digits, bytes swapped.
std::string eisa_id(std::uint64_t id) {
    const std::uint64_t word =
        load_be(std::vector<std::uint8_t>{static_cast<std::uint8_t>(id), static_cast<std::uint8_t>(id >> 8),
                                          static_cast<std::uint8_t>(id >> 16), static_cast<std::uint8_t>(id >> 24)}
                    .data(),
                4);
    const auto letter = [&](unsigned at) { return static_cast<char>('@' + ((word >> at) & 31)); };
    return fmt::format("{}{}{}{:04X}", letter(26), letter(21), letter(16), word & 0xFFFF);
}

class Walker {
public:
    Walker(const Table& table, std::vector<NamespaceDevice>& devices, std::vector<Oddity>& oddities)
        : in_(table, oddities), devices_(devices) {
        for (std::size_t i = 0; i < devices.size(); ++i) known_[devices[i].path] = i;
    }

    void walk() { terms(kHeaderBytes, in_.size(), "\\", 0); }

private:
    void terms(std::uint64_t at, std::uint64_t end, const std::string& here, std::size_t depth) {
        if (depth > kMaxNamespaceDepth) {
            in_.fail(at, fmt::format("scopes are nested more than {} deep", kMaxNamespaceDepth), {}, ExitStatus::limit);
        }
        while (at < end) {
            const std::uint64_t begin = at;
            if (!term(at, end, here, depth)) {
                in_.note(begin, fmt::format("code {:#04x} in {}: not a definition that we know; the rest of this scope "
                                            "is passed over",
                                            in_.u8(begin, "code"), here));
                return;
            }
            if (++terms_ > kMaxNamespaceObjects) in_.fail(begin, "too many objects", {}, ExitStatus::limit);
        }
    }

    /// One definition; `at` goes behind it. False: it is not known.
    bool term(std::uint64_t& at, std::uint64_t end, const std::string& here, std::size_t depth) {
        const unsigned code = in_.u8(at++, "code");
        switch (code) {
            case Op::scope: {
                const std::uint64_t stop = package_end(at, end);
                const std::string path = absolute(here, name_string(at));
                terms(at, stop, path, depth + 1);
                at = stop;
                return true;
            }
            case Op::method: {
                const std::uint64_t stop = package_end(at, end);
                const auto owner = known_.find(here);
                if (owner != known_.end() && absolute(here, name_string(at)) == here + "._OSC")
                    devices_[owner->second].osc = true;
                at = stop;
                return true;
            }
            case Op::if_op:
            case Op::else_op:
            case Op::while_op:
                at = package_end(at, end);
                return true;
            case Op::name_op: {
                const std::string path = absolute(here, name_string(at));
                Value value;
                if (!constant(at, end, value)) return false;
                take(here, path, value);
                return true;
            }
            case Op::alias:
                name_string(at);
                name_string(at);
                return true;
            case Op::external:
                name_string(at);
                at += 2;
                return at <= end;
            case Op::noop:
                return true;
            case Op::extended:
                return extended_term(at, end, here, depth);
            default:
                return code >= 0x8A && code <= 0x8F ? create_field(at, end, code) : false;
        }
    }

    bool extended_term(std::uint64_t& at, std::uint64_t end, const std::string& here, std::size_t depth) {
        const unsigned code = in_.u8(at++, "code");
        switch (code) {
            case Extended::device: {
                const std::uint64_t stop = package_end(at, end);
                const std::string path = absolute(here, name_string(at));
                if (known_.find(path) == known_.end()) {
                    if (devices_.size() >= kMaxNamespaceObjects)
                        in_.fail(at, "too many devices", {}, ExitStatus::limit);
                    known_[path] = devices_.size();
                    devices_.emplace_back().path = path;
                }
                terms(at, stop, path, depth + 1);
                at = stop;
                return true;
            }
            case Extended::field:
            case Extended::processor:
            case Extended::power_resource:
            case Extended::thermal_zone:
            case Extended::index_field:
            case Extended::bank_field:
                at = package_end(at, end);
                return true;
            case Extended::mutex:
                name_string(at);
                ++at;
                return at <= end;
            case Extended::event:
                name_string(at);
                return true;
            case Extended::region: {
                name_string(at);
                ++at;
                Value ignored;
                return at <= end && constant(at, end, ignored) && constant(at, end, ignored);
            }
            default:
                return false;
        }
    }

    bool create_field(std::uint64_t& at, std::uint64_t end, unsigned) {
        name_string(at);  // of the buffer
        Value index;
        if (!constant(at, end, index)) return false;
        name_string(at);
        return true;
    }

    /// The end of a package whose length stands at `at`, which goes behind the length.
    std::uint64_t package_end(std::uint64_t& at, std::uint64_t end) {
        const std::uint64_t begin = at;
        const std::uint64_t lead = in_.u8(at++, "a package length");
        const std::uint64_t more = lead >> 6;
        std::uint64_t length = more == 0 ? lead & 0x3F : lead & 0x0F;
        for (std::uint64_t i = 0; i < more; ++i)
            length |= std::uint64_t{in_.u8(at++, "a package length")} << (4 + 8 * i);
        if (length < 1 + more || length > end - begin) {
            in_.fail(begin, fmt::format("a package is {} bytes long", length), fmt::format("at most {}", end - begin));
        }
        return begin + length;
    }

    std::string name_string(std::uint64_t& at) {
        std::string text;
        std::uint8_t c = in_.u8(at, "a name");
        while (c == '\\' || c == '^') {
            text += static_cast<char>(c);
            if (text.size() > kMaxNamespaceDepth) in_.fail(at, "a name is too long");
            c = in_.u8(++at, "a name");
        }
        std::uint64_t segments = 1;
        if (c == 0) {
            ++at;
            return text;
        }
        if (c == Op::dual_name) {
            segments = 2;
            ++at;
        } else if (c == Op::multi_name) {
            segments = in_.u8(at + 1, "a name");
            at += 2;
        }
        for (std::uint64_t i = 0; i < segments; ++i) {
            if (i != 0) text += '.';
            for (unsigned k = 0; k < 4; ++k) {
                const std::uint8_t letter = in_.u8(at++, "a name");
                const bool fine = (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') || letter == '_';
                text += fine ? static_cast<char>(letter) : '?';
            }
        }
        return text;
    }

    /// One segment alone is looked for upwards by Linux; at the level of definitions it stands in its scope.
    static std::string absolute(const std::string& here, std::string name) {
        if (!name.empty() && name.front() == '\\') return name;
        std::string base = here;
        while (!name.empty() && name.front() == '^') {
            name.erase(0, 1);
            const std::size_t dot = base.find_last_of('.');
            base = dot == std::string::npos ? "\\" : base.substr(0, dot);
        }
        if (name.empty()) return base;
        return base + (base == "\\" ? "" : ".") + name;
    }

    /// A data object; false: its length is not known.
    bool constant(std::uint64_t& at, std::uint64_t end, Value& value) {
        const unsigned code = in_.u8(at, "a value");
        const auto integer = [&](unsigned bytes) {
            std::uint64_t word = 0;
            for (unsigned i = 0; i < bytes; ++i) word |= std::uint64_t{in_.u8(at + 1 + i, "a value")} << (8 * i);
            value.number = word;
            at += 1 + bytes;
            return at <= end;
        };
        switch (code) {
            case Op::zero:
            case Op::one:
                value.number = code;
                ++at;
                return true;
            case Op::ones:
                value.number = ~std::uint64_t{0};
                ++at;
                return true;
            case Op::byte_prefix:
                return integer(1);
            case Op::word_prefix:
                return integer(2);
            case Op::dword_prefix:
                return integer(4);
            case Op::qword_prefix:
                return integer(8);
            case Op::string_prefix: {
                bool terminated = false;
                value.text = in_.text(at + 1, std::min<std::uint64_t>(end, at + 1 + kMaxNameBytes), terminated);
                at += 2 + value.text->size();
                return terminated && at <= end;
            }
            case Op::buffer: {
                ++at;
                const std::uint64_t stop = package_end(at, end);
                Value size;
                if (constant(at, stop, size)) {
                    value.bytes_at = at;
                    value.bytes = stop > at ? stop - at : 0;
                }
                at = stop;
                return true;
            }
            case Op::package:
            case Op::var_package: {
                ++at;
                const std::uint64_t stop = package_end(at, end);
                std::uint64_t first = at + 1;  // behind the number of elements: a list of compatible ids
                if (code == Op::package && first < stop && !is_container(in_.u8(first, "a value")))
                    constant(first, stop, value);
                at = stop;
                return true;
            }
            default:
                if (!is_name_lead(code)) return false;
                name_string(at);
                return at <= end;
        }
    }

    static bool is_container(unsigned code) {
        return code == Op::buffer || code == Op::package || code == Op::var_package;
    }
    static bool is_name_lead(unsigned code) {
        return code == '\\' || code == '^' || code == '_' || (code >= 'A' && code <= 'Z') || code == Op::dual_name ||
               code == Op::multi_name;
    }

    void take(const std::string& here, const std::string& path, const Value& value) {
        const auto owner = known_.find(here);
        if (owner == known_.end()) return;
        NamespaceDevice& device = devices_[owner->second];
        const std::string name = path.size() > here.size() ? path.substr(here.size() + 1) : "";
        const std::string id = value.text ? *value.text : value.number ? eisa_id(*value.number) : "";
        if (name == "_HID") device.hid = id;
        if (name == "_CID") device.cid = id;
        if (name == "_UID") device.uid = value.number ? std::to_string(*value.number) : value.text.value_or("");
        if (name == "_SEG") device.segment = value.number;
        if (name == "_CCA") device.coherent = value.number;
        if (name == "_STA") device.status = value.number;
        if (name == "_BBN" && !device.bus) device.bus = value.number;
        if (name == "_CRS") resources(device, value.bytes_at, value.bytes_at + value.bytes);
    }

    /// Resource descriptors (ACPI 6.4): memory, fixed or as windows, and the bus range.
    void resources(NamespaceDevice& device, std::uint64_t at, std::uint64_t end) {
        while (at < end) {
            const unsigned tag = in_.u8(at, "a resource");
            const bool large = (tag & 0x80) != 0;
            if (!large && (tag >> 3 & 15) == 15) return;  // the end
            const std::uint64_t head = large ? 3 : 1;
            if (at + head > end) return;
            const std::uint64_t length = large ? in_.u16(at + 1, "a resource") : tag & 7;
            if (length > end - at - head) {
                in_.note(at, fmt::format("a resource of {} does not fit its buffer", device.path));
                return;
            }
            resource(device, tag, at + head, length);
            at += head + length;
        }
    }

    void resource(NamespaceDevice& device, unsigned tag, std::uint64_t at, std::uint64_t length) {
        constexpr unsigned kMemory32 = 0x85;
        constexpr unsigned kFixedMemory32 = 0x86;
        constexpr unsigned kWord = 0x88;
        constexpr unsigned kDword = 0x87;
        constexpr unsigned kQword = 0x8A;
        constexpr unsigned kInterrupts = 0x89;
        if (tag == kInterrupts && length >= 2) {
            const std::uint64_t count = std::min<std::uint64_t>(in_.u8(at + 1, "interrupts"), (length - 2) / 4);
            for (std::uint64_t i = 0; i < count; ++i)
                device.interrupts.push_back(in_.u32(at + 2 + 4 * i, "interrupts"));
        }
        if (tag == kFixedMemory32 && length >= 9) {
            device.memory.push_back({in_.u32(at + 1, "memory"), in_.u32(at + 5, "memory"), 0});
        } else if (tag == kMemory32 && length >= 17) {
            device.memory.push_back({in_.u32(at + 1, "memory"), in_.u32(at + 13, "memory"), 0});
        }
        const unsigned bytes = tag == kWord ? 2 : tag == kDword ? 4 : tag == kQword ? 8 : 0;
        if (bytes == 0 || length < 3 + 5 * bytes) return;
        const auto word = [&](unsigned number) {
            const std::uint64_t where = at + 3 + std::uint64_t{number} * bytes;
            return bytes == 2   ? in_.u16(where, "a window")
                   : bytes == 4 ? in_.u32(where, "a window")
                                : in_.u64(where, "a window");
        };
        const unsigned type = in_.u8(at, "a window");
        if (type == 0) device.memory.push_back({word(1), word(4), word(3)});
        if (type == 2) device.bus = word(1);
    }

    TableReader in_;
    std::vector<NamespaceDevice>& devices_;
    std::map<std::string, std::size_t> known_;
    std::uint64_t terms_ = 0;
};

}  // namespace

void read_namespace(const Table& table, std::vector<NamespaceDevice>& devices, std::vector<Oddity>& oddities) {
    try {
        Walker(table, devices, oddities).walk();
    } catch (const InputError& error) {
        const Diagnostic& finding = error.findings().front();
        TableReader(table, oddities)
            .note(finding.where.offset.value_or(0), finding.what + "; the rest of the namespace is passed over");
    }
}

std::string whole_path(const std::string& path) {
    std::string result = "\\";
    std::string segment;
    const auto flush = [&] {
        if (segment.empty()) return;
        if (segment.size() < 4) segment.resize(4, '_');
        result += (result.size() > 1 ? "." : "") + segment;
        segment.clear();
    };
    for (const char c : path) {
        if (c == '.') {
            flush();
        } else if (c != '\\') {
            segment += c;
        }
    }
    flush();
    return result;
}

}  // namespace xlate::firmware::acpi
