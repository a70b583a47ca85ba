#include "study/results/alike.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace xlate::study {
namespace {

constexpr std::size_t kMostInFull = 3, kShownPlaces = 3;

struct Shape {
    std::string words;    ///< each place as "*"
    std::string subject;  ///< the first place
};

/// A node's path, or a PCI function.
bool is_place(std::string_view word) {
    if (word.size() > 1 && word[0] == '/') return true;
    constexpr std::string_view kFunction = "0000:00:00.0";
    constexpr std::size_t kColons[] = {4, 7};
    return word.size() == kFunction.size() && word[kColons[0]] == ':' && word[kColons[1]] == ':' && word[10] == '.';
}

Shape shape_of(std::string_view sentence) {
    Shape shape;
    for (std::size_t at = 0; at < sentence.size();) {
        const std::size_t end = std::min(sentence.find(' ', at), sentence.size());
        const std::size_t size = sentence.substr(at, end - at).find_last_not_of(":;,.)'") + 1;
        const std::string_view word = sentence.substr(at, size);
        const bool whose = at == 0 && size < end && sentence[size] == ':';  // "a010000.dma: ..."
        if (whose || is_place(word)) {
            if (shape.subject.empty()) shape.subject = word;
            (shape.words += '*') += sentence.substr(at + size, end - at - size);
        } else {
            shape.words += sentence.substr(at, end - at);
        }
        shape.words += ' ';
        at = end + 1;
    }
    return shape;
}

}  // namespace

std::vector<std::string> fold_alike(const std::vector<std::string>& sentences) {
    struct Kind {
        std::size_t count = 0;
        std::vector<std::string> others;  ///< subjects beside the first sentence's, each once
    };
    std::map<std::string, Kind> kinds;
    std::vector<Shape> shapes;
    for (const std::string& sentence : sentences) shapes.push_back(shape_of(sentence));
    std::map<std::string, std::string> first;
    for (const Shape& shape : shapes) {
        Kind& kind = kinds[shape.words];
        ++kind.count;
        const std::string& own = first.emplace(shape.words, shape.subject).first->second;
        const bool known = shape.subject == own ||
                           std::find(kind.others.begin(), kind.others.end(), shape.subject) != kind.others.end();
        if (!known) kind.others.push_back(shape.subject);
    }
    std::vector<std::string> folded;
    std::set<std::string> told;
    for (std::size_t i = 0; i < sentences.size(); ++i) {
        const Kind& kind = kinds[shapes[i].words];
        if (kind.count <= kMostInFull || shapes[i].subject.empty()) {
            folded.push_back(sentences[i]);
            continue;
        }
        if (!told.insert(shapes[i].words).second) continue;
        std::vector<std::string> places = kind.others;
        const bool more = places.size() > kShownPlaces;
        if (more) places.resize(kShownPlaces);
        folded.push_back(fmt::format("{} (and {} more such{}{}{})", sentences[i], kind.count - 1,
                                     places.empty() ? "" : ": ", fmt::join(places, ", "), more ? ", ..." : ""));
    }
    return folded;
}

}  // namespace xlate::study
