#include "study/config/yaml/parse.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/text.hpp"

namespace xlate::study::yaml {
namespace {

constexpr std::size_t kMaxFindings = 100;

/// Builds the tree from the parser's events, in which aliases are still aliases.
class Builder : public YAML::EventHandler {
public:
    Builder(std::shared_ptr<const std::string> file, std::size_t max_nodes)
        : file_(std::move(file)), max_nodes_(max_nodes) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Value value;
        value.place = place(mark);
        add(std::move(value), anchor);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        refuse_tag(mark, tag);
        Value value;
        value.kind = Kind::scalar;
        value.place = place(mark);
        value.text = text;
        value.quoted = tag == "!";
        add(std::move(value), anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Kind::list);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Kind::map);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override { close(); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) throw refusal(place(mark), "this alias refers to the value that it stands in");
        if (frames_.size() + found->second.depth > kMaxDepth) throw too_deep(place(mark));
        count_copy(found->second.nodes, place(mark));
        Value copy = found->second.value;
        copy.place = place(mark);  // messages point at the use; what is below keeps its own place
        put(std::move(copy));
    }

    std::vector<Diagnostic> findings;
    Value root;

private:
    struct Frame {
        Value value;
        YAML::anchor_t anchor;
        std::size_t nodes_before;
        std::map<std::string, Place, std::less<>> keys;
        bool has_key = false;
        bool skip_value = false;  ///< of a key that was refused
        std::string key;
        Place key_place;
    };
    struct Anchored {
        Value value;
        std::size_t nodes;
        std::size_t depth;
    };

    Place place(const YAML::Mark& mark) const {
        return {file_, static_cast<unsigned>(mark.line + 1), static_cast<unsigned>(mark.column + 1)};
    }
    static InputError refusal(const Place& where, std::string what, ExitStatus status = ExitStatus::usage) {
        return InputError(Diagnostic{where.position(), "", std::move(what), "", ""}, status);
    }
    static InputError too_deep(const Place& where) {
        return refusal(where, fmt::format("nested deeper than {} levels", kMaxDepth), ExitStatus::limit);
    }
    void finding(const Place& where, std::string what, std::string expected = {}) {
        findings.push_back({where.position(), "", std::move(what), std::move(expected), ""});
        if (findings.size() >= kMaxFindings) throw InputError(findings, ExitStatus::usage);
    }
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        finding(place(mark), fmt::format("tags such as '{}' have no meaning here", tag));
    }
    void count(std::size_t nodes, const Place& where) {
        nodes_ += nodes;
        if (nodes_ > max_nodes_)
            throw refusal(where, fmt::format("more than {} keys and values", max_nodes_), ExitStatus::limit);
    }
    /// Before it is made.
    void count_copy(std::size_t nodes, const Place& where) {
        copies_ += nodes;
        if (copies_ > kMaxCopies) {
            throw refusal(where,
                          fmt::format("its anchors and aliases add more than {} values once its aliases are expanded",
                                      kMaxCopies),
                          ExitStatus::limit);
        }
    }
    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind) {
        refuse_tag(mark, tag);
        if (frames_.size() >= kMaxDepth) throw too_deep(place(mark));
        count(1, place(mark));
        Frame frame;
        frame.value.kind = kind;
        frame.value.place = place(mark);
        frame.anchor = anchor;
        frame.nodes_before = nodes_ + copies_ - 1;
        frames_.push_back(std::move(frame));
    }
    void close() {
        Frame frame = std::move(frames_.back());
        frames_.pop_back();
        if (frame.anchor != 0) {
            const std::size_t nodes = nodes_ + copies_ - frame.nodes_before;
            count_copy(nodes, frame.value.place);
            anchors_[frame.anchor] = {frame.value, nodes, depth_of(frame.value)};
        }
        put(std::move(frame.value));
    }
    void add(Value value, YAML::anchor_t anchor) {
        count(1, value.place);
        if (anchor != 0) {
            count_copy(1, value.place);
            anchors_[anchor] = {value, 1, 0};
        }
        put(std::move(value));
    }
    static std::size_t depth_of(const Value& value) {
        std::size_t deepest = 0;
        for (const Value& item : value.items) deepest = std::max(deepest, depth_of(item));
        for (const Entry& entry : value.entries) deepest = std::max(deepest, depth_of(entry.value));
        return value.kind == Kind::list || value.kind == Kind::map ? deepest + 1 : deepest;
    }
    void put(Value value) {
        if (frames_.empty()) {
            root = std::move(value);
            return;
        }
        Frame& frame = frames_.back();
        if (frame.value.kind == Kind::list) {
            frame.value.items.push_back(std::move(value));
        } else if (!frame.has_key) {
            take_key(frame, value);
        } else {
            frame.has_key = false;
            if (value.kind == Kind::null) value.place = frame.key_place;  // yaml-cpp points at what comes next
            if (!frame.skip_value) frame.value.entries.push_back({frame.key, frame.key_place, std::move(value)});
        }
    }
    void take_key(Frame& frame, const Value& value) {
        frame.has_key = true;
        frame.skip_value = true;
        if (value.kind != Kind::scalar) {
            finding(value.place, fmt::format("{} cannot be a key", value.describe()), "text");
            return;
        }
        if (value.text == "<<" && !value.quoted) {
            finding(value.place, "'<<' (merge) is not part of YAML 1.2",
                    "the keys themselves, or an alias for the whole value");
            return;
        }
        const auto [first, is_new] = frame.keys.emplace(value.text, value.place);
        if (!is_new) {
            finding(value.place, fmt::format("key '{}' stands here a second time; first at {}:{}", value.text,
                                             first->second.line, first->second.column));
            return;
        }
        frame.skip_value = false;
        frame.key = value.text;
        frame.key_place = value.place;
    }

    std::shared_ptr<const std::string> file_;
    std::vector<Frame> frames_;
    std::map<YAML::anchor_t, Anchored> anchors_;
    std::size_t max_nodes_;
    std::size_t nodes_ = 0;   ///< as written
    std::size_t copies_ = 0;  ///< made of anchored ones
};

}  // namespace

Value parse(std::string_view text, const std::string& file, const Budget& budget) {
    const auto name = std::make_shared<const std::string>(file);
    const auto fail = [&](SourcePosition where, std::string what, ExitStatus status) -> InputError {
        return InputError(Diagnostic{std::move(where), "", std::move(what), "", ""}, status);
    };
    if (text.size() > budget.bytes) {
        throw fail({file, {}, {}, {}}, fmt::format("{} bytes of YAML, more than {}", text.size(), budget.bytes),
                   ExitStatus::limit);
    }
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
        throw fail({file, {}, {}, nul}, "a zero byte: this is not a YAML text", ExitStatus::usage);
    }
    if (const auto bad = first_bad_utf8(text)) {
        const std::string_view before = text.substr(0, *bad);
        const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
        throw fail({file,
                    static_cast<unsigned>(std::count(before.begin(), before.end(), '\n') + 1),
                    static_cast<unsigned>(*bad - line_start + 1),
                    {}},
                   fmt::format("byte {:#04x} is not UTF-8", static_cast<unsigned char>(text[*bad])), ExitStatus::usage);
    }
    Builder builder(name, budget.nodes);
    builder.root.place = {name, 1, 1};
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        parser.HandleNextDocument(builder);
        Builder rest(name, budget.nodes);
        if (parser.HandleNextDocument(rest)) {
            throw InputError(
                Diagnostic{rest.root.place.position(), "", "a second document starts", "one document a file", ""});
        }
    } catch (const YAML::Exception& error) {
        SourcePosition where{file, {}, {}, {}};
        if (!error.mark.is_null()) {
            where.line = static_cast<unsigned>(error.mark.line + 1);
            where.column = static_cast<unsigned>(error.mark.column + 1);
        }
        std::vector<Diagnostic> all = std::move(builder.findings);
        all.push_back({where, "", "not valid YAML: " + error.msg, "", ""});
        throw InputError(std::move(all), ExitStatus::usage);
    }
    if (!builder.findings.empty()) throw InputError(std::move(builder.findings), ExitStatus::usage);
    return std::move(builder.root);
}

namespace {

/// What is wrong with a directory in a file's place: the config of a run lies in its directory.
InputError is_directory(const std::string& file) {
    const std::filesystem::path config = std::filesystem::path(file) / "config.resolved.yaml";
    std::error_code ignored;
    const bool of_run = std::filesystem::is_regular_file(config, ignored);
    return InputError(
        Diagnostic{{file, {}, {}, {}}, "", "is a directory", "a YAML file", of_run ? config.string() : ""});
}

}  // namespace

std::string read_text(const std::string& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) throw is_directory(file);
    std::ifstream stream(file, std::ios::binary);
    // Piece by piece: room for the largest file that is allowed would cost more than the rest of a short run.
    std::string text;
    std::array<char, std::size_t{16} << 10> piece;
    while (stream && text.size() <= kMaxBytes) {
        stream.read(piece.data(), piece.size());
        text.append(piece.data(), static_cast<std::size_t>(stream.gcount()));
    }
    if (!stream.is_open() || stream.bad()) {
        throw InputError(Diagnostic{{file, {}, {}, {}}, "", "cannot be read", "a YAML file", ""});
    }
    return text;
}

Value parse_file(const std::string& file, const Budget& budget) { return parse(read_text(file), file, budget); }

}  // namespace xlate::study::yaml
