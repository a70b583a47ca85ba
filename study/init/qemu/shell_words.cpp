#include "study/init/qemu/shell_words.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::study {
namespace {

class ShellWords {
public:
    ShellWords(const std::string& text, const std::string& file) : text_(text), file_(file) {}

    std::vector<ShellWord> split(std::string& comment) {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '#' && !open_) {
                const std::size_t end = std::min(text_.find('\n', at_), text_.size());
                if (comment.empty()) comment = text_.substr(at_ + 1, end - at_ - 1);
                at_ = end;
            } else if (c == '\'' || c == '"') {
                quoted(c);
            } else if (c == '\\' && at_ + 1 < text_.size()) {
                if (text_[at_ + 1] == '\n') {
                    ++line_;
                } else {
                    put(text_[at_ + 1]);
                }
                at_ += 2;
            } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
                close();
                if (c == '\n') ++line_;
                ++at_;
            } else {
                put(c);
                ++at_;
            }
        }
        close();
        return std::move(words_);
    }

private:
    void put(char c) {
        begin();
        words_.back().text += c;
    }
    void begin() {
        if (!open_) words_.push_back({"", line_});
        open_ = true;
    }
    void close() { open_ = false; }
    void quoted(char quote) {
        begin();
        const unsigned from = line_;
        for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
            if (text_[at_] == '\n') ++line_;
            const bool escape = quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() &&
                                std::string_view("\"\\$`").find(text_[at_ + 1]) != std::string_view::npos;
            if (escape) ++at_;
            words_.back().text += text_[at_];
        }
        if (at_ >= text_.size())
            throw InputError(
                Diagnostic{{file_, from, {}, {}}, {}, fmt::format("the quote {} is never closed", quote), {}, {}});
        ++at_;
    }

    const std::string& text_;
    const std::string& file_;
    std::vector<ShellWord> words_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
    bool open_ = false;
};

}  // namespace

std::vector<ShellWord> split_shell_words(const std::string& text, const std::string& file, std::string& comment) {
    return ShellWords(text, file).split(comment);
}

ShellMeaning shell_meaning(std::string_view word) {
    constexpr std::string_view kEnds[] = {"|", "||", "|&", "&", "&&", ";"};
    constexpr std::string_view kTo[] = {">", ">>", "<", "2>", "2>>", "&>", "1>"};
    const auto is = [&](std::string_view one) { return word == one; };
    const auto begins = [&](std::string_view one) { return word.substr(0, one.size()) == one; };
    if (std::any_of(std::begin(kEnds), std::end(kEnds), is)) return ShellMeaning::ends;
    if (std::any_of(std::begin(kTo), std::end(kTo), is)) return ShellMeaning::redirects_to_next;
    return std::any_of(std::begin(kTo), std::end(kTo), begins) ? ShellMeaning::redirects : ShellMeaning::none;
}

}  // namespace xlate::study
