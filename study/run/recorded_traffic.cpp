#include "study/run/recorded_traffic.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "base/quantity.hpp"
#include "firmware/description.hpp"
#include "study/config/parameters.hpp"

namespace xlate::study {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 24;
constexpr std::size_t kMaxAccesses = 20'000'000;

enum class Column { time, offset, address, size, op, master, buffer };
struct Known {
    const char* name;
    Column column;
    const char* unit;
};
constexpr Known kKnown[] = {
    {"time_fs", Column::time, "fs"}, {"time_ps", Column::time, "ps"}, {"time_ns", Column::time, "ns"},
    {"time_us", Column::time, "us"}, {"offset", Column::offset, ""},  {"address", Column::address, ""},
    {"size", Column::size, ""},      {"op", Column::op, ""},          {"master", Column::master, ""},
    {"buffer", Column::buffer, ""},
};

struct Field {
    std::string_view text;
    unsigned column;  ///< from 1
};

/// One line, cut at commas, blanks around taken off.
std::vector<Field> fields_of(std::string_view line) {
    std::vector<Field> fields;
    for (std::size_t at = 0;;) {
        const std::size_t end = std::min(line.find(',', at), line.size());
        std::size_t first = at, last = end;
        while (first < last && (line[first] == ' ' || line[first] == '\t')) ++first;
        while (last > first && (line[last - 1] == ' ' || line[last - 1] == '\t' || line[last - 1] == '\r')) --last;
        fields.push_back({line.substr(first, last - first), static_cast<unsigned>(first + 1)});
        if (end == line.size()) return fields;
        at = end + 1;
    }
}

/// What an error is about; where that stands is the reader's to say.
enum class About { line, time, place, size };

/// One access as a file has it.
struct Raw {
    SimTime at;
    std::uint64_t place = 0, size = 0;
    std::optional<std::uint64_t> buffer;
    bool write = false;
};

/// Orders, bounds and cuts what a reader finds of the master that is wanted.
class Collector {
protected:
    /// `unit`: what the file is made of, for errors: "line".
    Collector(const RecordedLimits& limits, const char* unit) : limits_(limits), unit_name_(unit) {}
    ~Collector() = default;

    [[noreturn]] virtual void fail_about(About about, std::string what, std::string expected) const = 0;
    /// From now on errors are about this record: line or number, as take() noted it.
    virtual void go_to(std::uint64_t position) = 0;
    const std::string& wanted() const { return limits_.master.empty() ? limits_.device : limits_.master; }

    /// Whether it is of the master that is wanted.
    bool is_mine(std::string_view master) {
        if (master == wanted()) return true;
        if (others_.size() < 20) ++others_[printable(std::string(master))];
        return false;
    }
    void check_size(std::uint64_t size) const {
        if (size == 0 || size > kMaxSize) fail_about(About::size, fmt::format("{} bytes", size), "1 byte to 16 MiB");
    }
    void take(const Raw& raw, std::uint64_t position) {
        std::uint64_t offset = raw.place;
        if (!accesses_.empty() && raw.at < accesses_.back().at)
            fail_about(About::time, fmt::format("earlier than the {} of this master before", unit_name_),
                       "times that never fall");
        if (raw.buffer) {
            if (limits_.chunk_bytes == 0)
                fail_about(About::line, "a buffer, and there is only one mapping", "traffic[].chunk");
            if (offset >= limits_.chunk_bytes || raw.size > limits_.chunk_bytes - offset)
                fail_about(About::place, "beyond the end of its buffer",
                           fmt::format("buffers of {} (traffic[].chunk)", format_bytes(limits_.chunk_bytes)));
            if (*raw.buffer >= limits_.working_set_bytes / limits_.chunk_bytes)
                fail_about(About::place, fmt::format("there is no buffer {}", *raw.buffer), "one of the working set");
            offset += *raw.buffer * limits_.chunk_bytes;
        }
        if (offset > ~std::uint64_t{0} - raw.size)
            fail_about(About::place, "beyond the end of all addresses", "a smaller one");
        lowest_ = std::min(lowest_, offset / kPage * kPage);
        for (std::uint64_t done = 0; done < raw.size;) {
            const std::uint64_t here = offset + done;
            const std::uint64_t part = std::min(raw.size - done, kPage - here % kPage);
            if (accesses_.size() == kMaxAccesses)
                fail_about(About::line, "more than 20 million accesses", "a shorter recording");
            accesses_.push_back({raw.at, here, static_cast<std::uint32_t>(part), raw.write});
            if (here + part > most_) {
                most_ = here + part;
                most_position_ = position;
            }
            done += part;
        }
    }
    /// Addresses count from the lowest page; everything has to lie in what the driver maps.
    std::shared_ptr<const std::vector<soc::RecordedAccess>> finish(bool addresses) {
        if (accesses_.empty()) {
            std::string names;
            for (const auto& [name, count] : others_) names += (names.empty() ? "" : ", ") + name;
            go_to(0);
            fail_about(About::line, fmt::format("no {} of master '{}'", unit_name_, wanted()),
                       names.empty() ? "at least one access" : "one of " + names);
        }
        const std::uint64_t base = addresses ? lowest_ : 0;
        for (soc::RecordedAccess& access : accesses_) access.offset -= base;
        const std::uint64_t most = most_ - base;
        if (most > limits_.working_set_bytes) {
            go_to(most_position_);
            fail_about(About::line,
                       fmt::format("this access ends {} bytes into the buffers, which have {}", most,
                                   format_bytes(limits_.working_set_bytes)),
                       fmt::format("traffic[].working_set: {} B or more", (most + kPage - 1) / kPage * kPage));
        }
        return std::make_shared<const std::vector<soc::RecordedAccess>>(std::move(accesses_));
    }

private:
    const RecordedLimits& limits_;
    const char* unit_name_;
    std::uint64_t lowest_ = ~std::uint64_t{0}, most_ = 0, most_position_ = 0;
    std::vector<soc::RecordedAccess> accesses_;
    std::map<std::string, unsigned> others_;
};

class CsvReader final : Collector {
public:
    CsvReader(std::string_view text, const std::string& file, const RecordedLimits& limits)
        : Collector(limits, "line"), text_(text), file_(file) {}

    std::shared_ptr<const std::vector<soc::RecordedAccess>> read() {
        for (std::size_t at = 0; at < text_.size();) {
            const std::size_t end = std::min(text_.find('\n', at), text_.size());
            const std::string_view line = text_.substr(at, end - at);
            ++line_;
            at = end + 1;
            const std::vector<Field> fields = fields_of(line);
            if ((fields.size() == 1 && fields[0].text.empty()) || (!fields[0].text.empty() && fields[0].text[0] == '#'))
                continue;
            if (columns_.empty()) {
                read_header(fields);
            } else {
                read_access(fields);
            }
        }
        if (columns_.empty())
            fail({}, "there is no line with the names of the columns", "time_ns,master,offset,size,op");
        return finish(has(Column::address));
    }

private:
    [[noreturn]] void fail(std::optional<unsigned> column, std::string what, std::string expected) const {
        SourcePosition where{file_, {}, column, {}};
        if (line_ != 0) where.line = line_;
        throw InputError(Diagnostic{where, "", std::move(what), std::move(expected), ""});
    }
    [[noreturn]] void fail_about(About about, std::string what, std::string expected) const override {
        fail(columns_at_[static_cast<std::size_t>(about)], std::move(what), std::move(expected));
    }
    void go_to(std::uint64_t position) override {
        line_ = static_cast<unsigned>(position);
        columns_at_ = {};
    }

    void read_header(const std::vector<Field>& fields) {
        std::vector<std::string> names;
        for (const Known& known : kKnown) names.emplace_back(known.name);
        for (const Field& field : fields) {
            const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                             [&](const Known& one) { return field.text == one.name; });
            if (known == std::end(kKnown)) {
                const auto nearest = nearest_name(field.text, names);
                fail(field.column, fmt::format("there is no column '{}'", printable(field.text)),
                     nearest ? "one such as " + *nearest : fmt::format("{}", fmt::join(names, ", ")));
            }
            if (has(known->column)) fail(field.column, fmt::format("a second column of '{}'", field.text), "each once");
            if (known->column == Column::time) unit_ = known->unit;
            columns_.push_back(known->column);
        }
        if (!has(Column::time)) fail({}, "there is no column of times", "time_ns");
        if (has(Column::offset) == has(Column::address))
            fail({}, "there has to be one column of addresses", "offset or address");
        if (!has(Column::size)) fail({}, "there is no column of sizes", "size");
        if (!has(Column::op)) fail({}, "there is no column that says read or write", "op");
        if (has(Column::buffer) && has(Column::address)) fail({}, "an address lies in no buffer", "offset");
    }
    bool has(Column column) const { return std::find(columns_.begin(), columns_.end(), column) != columns_.end(); }

    std::uint64_t number(const Field& field, const char* what) const {
        const Parsed<std::uint64_t> value = parse_integer(field.text);
        if (!value) fail(field.column, fmt::format("found '{}'", printable(field.text)), what);
        return value.value();
    }

    void read_access(const std::vector<Field>& fields) {
        if (fields.size() != columns_.size()) {
            fail({}, fmt::format("{} fields", fields.size()), fmt::format("{}, as in the first line", columns_.size()));
        }
        Raw raw;
        bool mine = true;
        columns_at_ = {};
        const auto stands = [&](About about, const Field& field) {
            columns_at_[static_cast<std::size_t>(about)] = field.column;
        };
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const Field& field = fields[i];
            switch (columns_[i]) {
                case Column::time: {
                    const Parsed<SimTime> time = parse_time(std::string(field.text) + " " + unit_);
                    if (!time)
                        fail(field.column, fmt::format("found '{}'", printable(field.text)), "a time in " + unit_);
                    raw.at = time.value();
                    stands(About::time, field);
                    break;
                }
                case Column::offset:
                case Column::address:
                    raw.place = number(field, "an address such as 4096 or 0x1000");
                    stands(About::place, field);
                    break;
                case Column::size:
                    raw.size = number(field, "a number of bytes");
                    stands(About::size, field);
                    break;
                case Column::buffer:
                    raw.buffer = number(field, "the number of a buffer");
                    break;
                case Column::master:
                    mine = is_mine(field.text);
                    break;
                case Column::op: {
                    const std::string_view op = field.text;
                    raw.write = op == "w" || op == "W" || op == "write";
                    if (!raw.write && op != "r" && op != "R" && op != "read")
                        fail(field.column, fmt::format("found '{}'", printable(op)), "r or w");
                    break;
                }
            }
        }
        check_size(raw.size);
        if (mine) take(raw, line_);
    }

    std::string_view text_;
    const std::string& file_;
    unsigned line_ = 0;
    std::vector<Column> columns_;
    std::array<std::optional<unsigned>, 4> columns_at_;  ///< of the line that is read, by About
    std::string unit_;
};

// The binary form; docs/traces.md has it too.
constexpr std::string_view kMagic = "XLTRACE1";
constexpr std::size_t kHeader = 16, kRecord = 32;
constexpr std::uint64_t kNoMaster = 0xFFFF;
constexpr std::uint64_t kUnits[] = {1, 1000, 1'000'000, 1'000'000'000};  ///< fs, ps, ns, us: in fs

class BinaryReader final : Collector {
public:
    BinaryReader(std::string_view bytes, const std::string& file, const RecordedLimits& limits)
        : Collector(limits, "record"), bytes_(bytes), file_(file) {}

    std::shared_ptr<const std::vector<soc::RecordedAccess>> read() {
        if (bytes_.size() < kHeader) fail(bytes_.size(), "the file ends within its header", "16 bytes");
        const std::uint64_t places = get(8, 1), unit = get(9, 1), names = get(10, 2);
        if (places > 2) fail(8, fmt::format("places of kind {}", places), "0: offsets, 1: addresses, 2: buffers");
        if (unit > 3) fail(9, fmt::format("times in unit {}", unit), "0: fs, 1: ps, 2: ns, 3: us");
        std::size_t at = kHeader;
        std::vector<std::string_view> masters;
        for (std::uint64_t i = 0; i < names; ++i) {
            if (bytes_.size() - at < 2 || bytes_.size() - at - 2 < get(at, 2))
                fail(at, fmt::format("the file ends within the name of master {}", i), "its length and its bytes");
            const auto length = static_cast<std::size_t>(get(at, 2));
            masters.push_back(bytes_.substr(at + 2, length));
            at += 2 + length;
        }
        if ((bytes_.size() - at) % kRecord != 0)
            fail(bytes_.size(), "the file ends within a record", fmt::format("records of {} bytes", kRecord));
        for (; at < bytes_.size(); at += kRecord) {
            record_ = at;
            Raw raw;
            const std::uint64_t time = get(at, 8);
            if (time > ~std::uint64_t{0} / kUnits[unit] / 2) fail(at, "this time is too long", "less than 2 hours");
            raw.at = {time * kUnits[unit]};
            raw.place = get(at + 8, 8);
            raw.size = get(at + 16, 4);
            if (places == 2) raw.buffer = get(at + 20, 4);
            const std::uint64_t master = get(at + 24, 2), op = get(at + 26, 1);
            if (op > 1) fail(at + 26, fmt::format("found {}", op), "0: a read, 1: a write");
            if (master != kNoMaster && master >= masters.size())
                fail(at + 24, fmt::format("there is no master {}", master),
                     fmt::format("less than {}, or 65535: none", masters.size()));
            raw.write = op == 1;
            check_size(raw.size);
            if (master == kNoMaster || is_mine(masters[master])) take(raw, at);
        }
        return finish(places == 1);
    }

private:
    [[noreturn]] void fail(std::optional<std::uint64_t> offset, std::string what, std::string expected) const {
        throw InputError(Diagnostic{{file_, {}, {}, offset}, "", std::move(what), std::move(expected), ""});
    }
    [[noreturn]] void fail_about(About about, std::string what, std::string expected) const override {
        constexpr std::uint64_t kAt[] = {0, 0, 8, 16};
        const bool known = record_ != 0;
        fail(known ? std::optional(record_ + kAt[static_cast<std::size_t>(about)]) : std::nullopt, std::move(what),
             std::move(expected));
    }
    void go_to(std::uint64_t position) override { record_ = position; }
    std::uint64_t get(std::size_t at, unsigned size) const {
        return load_le(reinterpret_cast<const std::uint8_t*>(bytes_.data()) + at, size);
    }

    std::string_view bytes_;
    const std::string& file_;
    std::uint64_t record_ = 0;  ///< where the one that is read begins; 0: none
};

}  // namespace

std::shared_ptr<const std::vector<soc::RecordedAccess>> parse_recorded(std::string_view text, const std::string& file,
                                                                       const RecordedLimits& limits) {
    if (text.substr(0, kMagic.size()) == kMagic) return BinaryReader(text, file, limits).read();
    return CsvReader(text, file, limits).read();
}

std::shared_ptr<const std::vector<soc::RecordedAccess>> read_recorded(const std::string& file,
                                                                      const RecordedLimits& limits) {
    const std::vector<std::uint8_t> bytes = firmware::read_file(file);
    return parse_recorded({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file, limits);
}

}  // namespace xlate::study
