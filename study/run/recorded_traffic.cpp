#include "study/run/recorded_traffic.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

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

class Reader {
public:
    Reader(std::string_view text, const std::string& file, const RecordedLimits& limits)
        : text_(text), file_(file), limits_(limits) {}

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
        if (accesses_.empty()) {
            std::string names;
            for (const auto& [name, count] : others_) names += (names.empty() ? "" : ", ") + name;
            line_ = 0;
            fail({}, fmt::format("no line of master '{}'", wanted()),
                 names.empty() ? "at least one access" : "one of " + names);
        }
        place();
        return std::make_shared<const std::vector<soc::RecordedAccess>>(std::move(accesses_));
    }

private:
    [[noreturn]] void fail(std::optional<unsigned> column, std::string what, std::string expected) const {
        SourcePosition where{file_, {}, column, {}};
        if (line_ != 0) where.line = line_;
        throw InputError(Diagnostic{where, "", std::move(what), std::move(expected), ""});
    }
    const std::string& wanted() const { return limits_.master.empty() ? limits_.device : limits_.master; }

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
        SimTime at;
        std::uint64_t offset = 0, size = 0, buffer = 0;
        bool write = false, mine = true;
        std::optional<unsigned> time_column, size_column, place_column;
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const Field& field = fields[i];
            switch (columns_[i]) {
                case Column::time: {
                    const Parsed<SimTime> time = parse_time(std::string(field.text) + " " + unit_);
                    if (!time)
                        fail(field.column, fmt::format("found '{}'", printable(field.text)), "a time in " + unit_);
                    at = time.value();
                    time_column = field.column;
                    break;
                }
                case Column::offset:
                case Column::address:
                    offset = number(field, "an address such as 4096 or 0x1000");
                    place_column = field.column;
                    break;
                case Column::size:
                    size = number(field, "a number of bytes");
                    size_column = field.column;
                    break;
                case Column::buffer:
                    buffer = number(field, "the number of a buffer");
                    break;
                case Column::master:
                    mine = field.text == wanted();
                    if (!mine && others_.size() < 20) ++others_[printable(field.text)];
                    break;
                case Column::op: {
                    const std::string_view op = field.text;
                    write = op == "w" || op == "W" || op == "write";
                    if (!write && op != "r" && op != "R" && op != "read")
                        fail(field.column, fmt::format("found '{}'", printable(op)), "r or w");
                    break;
                }
            }
        }
        if (size == 0 || size > kMaxSize) fail(size_column, fmt::format("{} bytes", size), "1 byte to 16 MiB");
        if (!mine) return;
        if (!accesses_.empty() && at < accesses_.back().at) {
            fail(time_column, "earlier than the line of this master before", "times that never fall");
        }
        if (has(Column::buffer)) {
            if (limits_.chunk_bytes == 0) fail({}, "a buffer, and there is only one mapping", "traffic[].chunk");
            if (offset >= limits_.chunk_bytes || size > limits_.chunk_bytes - offset)
                fail(place_column, "beyond the end of its buffer",
                     fmt::format("buffers of {} (traffic[].chunk)", format_bytes(limits_.chunk_bytes)));
            if (buffer >= limits_.working_set_bytes / limits_.chunk_bytes)
                fail(place_column, fmt::format("there is no buffer {}", buffer), "one of the working set");
            offset += buffer * limits_.chunk_bytes;
        }
        if (offset > ~std::uint64_t{0} - size) fail(place_column, "beyond the end of all addresses", "");
        lowest_ = std::min(lowest_, offset / kPage * kPage);
        for (std::uint64_t done = 0; done < size;) {
            const std::uint64_t here = offset + done;
            const std::uint64_t part = std::min(size - done, kPage - here % kPage);
            if (accesses_.size() == kMaxAccesses) fail({}, "more than 20 million accesses", "a shorter recording");
            accesses_.push_back({at, here, static_cast<std::uint32_t>(part), write});
            lines_.push_back(line_);
            done += part;
        }
    }

    /// Addresses count from the lowest page; everything has to lie in what the driver maps.
    void place() {
        const std::uint64_t base = has(Column::address) ? lowest_ : 0;
        std::uint64_t most = 0;
        unsigned most_line = 0;
        for (std::size_t i = 0; i < accesses_.size(); ++i) {
            accesses_[i].offset -= base;
            const std::uint64_t end = accesses_[i].offset + accesses_[i].size;
            if (end > most) {
                most = end;
                most_line = lines_[i];
            }
        }
        if (most <= limits_.working_set_bytes) return;
        line_ = most_line;
        fail({},
             fmt::format("this access ends {} bytes into the buffers, which have {}", most,
                         format_bytes(limits_.working_set_bytes)),
             fmt::format("traffic[].working_set: {} B or more", (most + kPage - 1) / kPage * kPage));
    }

    std::string_view text_;
    const std::string& file_;
    const RecordedLimits& limits_;
    unsigned line_ = 0;
    std::vector<Column> columns_;
    std::string unit_;
    std::uint64_t lowest_ = ~std::uint64_t{0};
    std::vector<soc::RecordedAccess> accesses_;
    std::vector<unsigned> lines_;
    std::map<std::string, unsigned> others_;
};

}  // namespace

std::shared_ptr<const std::vector<soc::RecordedAccess>> parse_recorded(std::string_view text, const std::string& file,
                                                                       const RecordedLimits& limits) {
    return Reader(text, file, limits).read();
}

std::shared_ptr<const std::vector<soc::RecordedAccess>> read_recorded(const std::string& file,
                                                                      const RecordedLimits& limits) {
    const std::vector<std::uint8_t> bytes = firmware::read_file(file);
    return parse_recorded({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file, limits);
}

}  // namespace xlate::study
