#include "study/config/yaml/extends.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace xlate::study::yaml {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKey = "extends";

InputError wrong(const Value& where, std::string what, std::string expected = {}) {
    return InputError(Diagnostic{where.place.position(), kKey, std::move(what), std::move(expected), ""});
}

/// What `over` says, on top of `under`.
void merge(Value& under, Value over) {
    if (under.kind != Kind::map || over.kind != Kind::map) {
        under = std::move(over);
        return;
    }
    for (Entry& entry : over.entries) {
        const auto known = std::find_if(under.entries.begin(), under.entries.end(),
                                        [&](const Entry& one) { return one.key == entry.key; });
        if (known == under.entries.end()) {
            under.entries.push_back(std::move(entry));
        } else {
            known->place = entry.place;
            merge(known->value, std::move(entry.value));
        }
    }
    under.place = over.place;
}

class Extender {
public:
    Extender(const std::string& file, const Budget& budget, Bases& bases, bool given)
        : budget_(budget), bases_(bases), given_(given) {
        top_ = fs::path(file).parent_path();
        if (top_.empty()) top_ = ".";
    }

    Value extend(Value root, const std::string& file) {
        const auto entry =
            std::find_if(root.entries.begin(), root.entries.end(), [](const Entry& one) { return one.key == kKey; });
        if (root.kind != Kind::map || entry == root.entries.end()) return root;
        const Value names = std::move(entry->value);
        root.entries.erase(entry);
        open_.push_back(file);
        Value whole;
        whole.kind = Kind::map;
        whole.place = root.place;
        if (names.kind == Kind::list) {
            for (const Value& name : names.items) merge(whole, base(name, file));
        } else {
            merge(whole, base(names, file));
        }
        open_.pop_back();
        merge(whole, std::move(root));
        return whole;
    }

private:
    Value base(const Value& name, const std::string& by) {
        if (name.kind != Kind::scalar || name.text.empty())
            throw wrong(name, "found " + name.describe(), "a file, or a list of files");
        const std::string path = (fs::path(by).parent_path() / name.text).lexically_normal().string();
        if (std::find(open_.begin(), open_.end(), path) != open_.end())
            throw wrong(name, fmt::format("'{}' extends itself", printable(name.text)));
        if (++count_ > kMostBases) throw wrong(name, fmt::format("more than {} files are extended", kMostBases));
        const std::string text = text_of(name, path);
        return extend(parse(text, path, budget_), path);
    }
    std::string text_of(const Value& name, const std::string& path) {
        const auto known =
            std::find_if(bases_.begin(), bases_.end(), [&](const auto& one) { return one.first == path; });
        if (known != bases_.end()) return known->second;
        if (given_) throw wrong(name, fmt::format("'{}' is not among what was planned", printable(name.text)));
        std::error_code error;
        const fs::path real = fs::weakly_canonical(path, error);
        const fs::path top = fs::weakly_canonical(top_, error);
        const fs::path inner = real.lexically_relative(top);
        if (error || inner.empty() || *inner.begin() == "..")
            throw wrong(name, fmt::format("'{}' lies outside of the config's directory", printable(name.text)),
                        "a file there, or below");
        if (!fs::is_regular_file(real, error))
            throw wrong(name, fmt::format("there is no file '{}'", printable(name.text)));
        std::string text = read_text(path);
        bases_.emplace_back(path, text);
        return text;
    }

    Budget budget_;
    Bases& bases_;
    bool given_;
    fs::path top_;
    std::vector<std::string> open_;
    std::size_t count_ = 0;
};

}  // namespace

Value parse_extended(std::string_view text, const std::string& file, const Budget& budget, Bases& bases, bool given) {
    return Extender(file, budget, bases, given)
        .extend(parse(text, file, budget), fs::path(file).lexically_normal().string());
}

}  // namespace xlate::study::yaml
