#include "study/results/expect.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "base/text.hpp"

namespace xlate::study {

using Json = nlohmann::ordered_json;

/// `op`: "path", "literal", "call", "index" or an operator. Children in the order of the text.
struct ExpectNode {
    std::string op;
    std::vector<std::shared_ptr<const ExpectNode>> children;
    Json literal;
    struct Step {
        std::string name;
        bool is_index = false;
        std::size_t index = 0;
        bool is_filter = false;
        std::shared_ptr<const ExpectNode> filter;  ///< over one element of the list; none: all of them
    };
    std::vector<Step> steps;
};

namespace {

using Node = std::shared_ptr<const ExpectNode>;
constexpr std::size_t kMaxDepth = 64;
constexpr std::string_view kFunctions[] = {"count", "max", "min", "mean", "sum", "percentile"};
constexpr std::size_t kMaxLength = 4096;

class Parser {
public:
    Parser(const std::string& text, const SourcePosition& where, const std::string& path)
        : text_(text), where_(where), path_(path) {}
    Node parse() {
        if (const auto bad = first_bad_utf8(text_)) {
            at_ = *bad;
            fail("this byte is not UTF-8");
        }
        if (text_.size() > kMaxLength) fail(fmt::format("{} characters, more than {}", text_.size(), kMaxLength));
        Node node = binary(0);
        skip();
        if (at_ < text_.size()) fail(fmt::format("'{}' is not expected here", text_.substr(at_, 20)));
        return node;
    }

private:
    [[noreturn]] void fail(const std::string& what) const {
        throw InputError(Diagnostic{
            where_, path_, fmt::format("in '{}' at character {}: {}", text_.substr(0, 200), at_ + 1, what), "", ""});
    }
    void skip() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    }
    static bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
    bool take(const std::string& word) {
        skip();
        if (text_.compare(at_, word.size(), word) != 0) return false;
        const std::size_t end = at_ + word.size();
        if (is_name_char(word[0]) && end < text_.size() && is_name_char(text_[end])) return false;
        at_ = end;
        return true;
    }
    static Node make(std::string op, std::vector<Node> children) {
        auto node = std::make_shared<ExpectNode>();
        node->op = std::move(op);
        node->children = std::move(children);
        return node;
    }
    Node binary(std::size_t level) {
        static const std::vector<std::vector<std::string>> kLevels{
            {"or"}, {"and"}, {"not"}, {"==", "!=", "<=", ">=", "<", ">", "in"}, {"+", "-"}, {"*", "/"}};
        if (level == kLevels.size()) return unary();
        if (kLevels[level][0] == "not") {
            if (!take("not")) return binary(level + 1);
            deeper();
            Node inner = binary(level);
            --depth_;
            return make("not", {std::move(inner)});
        }
        Node left = binary(level + 1);
        for (bool found = true; found;) {
            found = false;
            for (const std::string& op : kLevels[level]) {
                if (!take(op)) continue;
                left = make(op, {std::move(left), binary(level + 1)});
                found = level != 3;  // comparisons do not chain
                break;
            }
        }
        return left;
    }
    Node unary() {
        deeper();
        Node node = take("-") ? make("negate", {unary()}) : primary();
        --depth_;
        return node;
    }
    Node primary() {
        skip();
        if (take("(")) {
            deeper();
            Node inner = binary(0);
            --depth_;
            if (!take(")")) fail("')' is missing");
            return inner;
        }
        if (at_ >= text_.size()) fail("the expression ends here; a value is missing");
        const char c = text_[at_];
        if (c == '"' || c == '\'') return literal(string());
        if (std::isdigit(static_cast<unsigned char>(c)) != 0) return literal(number());
        if (std::isalpha(static_cast<unsigned char>(c)) == 0 && c != '_') fail(fmt::format("'{}' starts no value", c));
        if (take("true")) return literal(true);
        if (take("false")) return literal(false);
        if (take("null")) return literal(nullptr);
        return path();
    }
    static Node literal(Json value) {
        auto node = std::make_shared<ExpectNode>();
        node->op = "literal";
        node->literal = std::move(value);
        return node;
    }
    std::string string() {
        const char quote = text_[at_];
        const std::size_t close = text_.find(quote, at_ + 1);
        if (close == std::string::npos) fail("the closing quote is missing");
        std::string content = text_.substr(at_ + 1, close - at_ - 1);
        at_ = close + 1;
        return content;
    }
    Json number() {
        std::size_t end = at_;
        while (end < text_.size() && (is_name_char(text_[end]) || text_[end] == '.')) ++end;
        const std::string digits = text_.substr(at_, end - at_);
        if (const auto whole = parse_integer(digits)) {
            at_ = end;
            return whole.value();
        }
        const std::size_t dot = digits.find('.');
        if (digits.find_first_not_of("0123456789.") != std::string::npos || dot == std::string::npos ||
            digits.find('.', dot + 1) != std::string::npos || dot + 1 == digits.size() || digits.size() > 18) {
            fail(fmt::format("'{}' is not a number", digits));
        }
        std::uint64_t all = 0;
        std::uint64_t scale = 1;
        for (std::size_t i = 0; i < digits.size(); ++i) {
            if (i == dot) continue;
            all = all * 10 + static_cast<std::uint64_t>(digits[i] - '0');
            if (i > dot) scale *= 10;
        }
        at_ = end;
        return static_cast<double>(all) / static_cast<double>(scale);
    }
    std::string name() {
        const std::size_t start = at_;
        while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
        if (at_ == start) fail("a name is missing");
        return text_.substr(start, at_ - start);
    }
    Node path() {
        auto node = std::make_shared<ExpectNode>();
        node->op = "path";
        node->steps.push_back({name(), false, 0, false, nullptr});
        if (take("(")) {
            return call(node->steps[0].name);
        }
        while (true) {
            if (at_ < text_.size() && text_[at_] == '.') {
                ++at_;
                node->steps.push_back({name(), false, 0, false, nullptr});
            } else if (at_ < text_.size() && text_[at_] == '[') {
                ++at_;
                node->steps.push_back(bracket());
                if (!take("]")) fail("']' is missing");
            } else {
                return node;
            }
        }
    }
    Node call(const std::string& function) {
        const auto known = std::find(std::begin(kFunctions), std::end(kFunctions), function);
        if (known == std::end(kFunctions)) {
            fail(fmt::format("there is no function '{}', only {}", function,
                             fmt::join(std::begin(kFunctions), std::end(kFunctions), ", ")));
        }
        deeper();
        std::vector<Node> arguments{binary(0)};
        if (function == "percentile") {
            if (!take(",")) fail("percentile takes a list and, behind a comma, a number from 0 to 100");
            arguments.push_back(binary(0));
        }
        --depth_;
        if (!take(")")) fail("')' is missing");
        return make(function, std::move(arguments));
    }
    /// ["name"], [3], [*], or a condition on each element: [driver == "nvme"].
    ExpectNode::Step bracket() {
        skip();
        if (at_ >= text_.size()) fail("between [ and ] stands an index, a name in quotes, * or a condition");
        const std::size_t start = at_;
        const char c = text_[at_];
        if (c == '*') {
            ++at_;
            return {"", false, 0, true, nullptr};
        }
        const auto ends = [this] {
            skip();
            return at_ < text_.size() && text_[at_] == ']';
        };
        if (c == '"' || c == '\'') {
            std::string named = string();
            if (ends()) return {std::move(named), false, 0, false, nullptr};
        } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
            const Json index = number();
            if (ends()) {
                if (!index.is_number_unsigned()) fail("an index is a whole number");
                return {"", true, index.get<std::size_t>(), false, nullptr};
            }
        } else if (c == ']') {
            fail("between [ and ] stands an index, a name in quotes, * or a condition");
        }
        at_ = start;
        deeper();
        Node condition = binary(0);
        --depth_;
        static constexpr const char* kConditions[] = {"or", "and", "not", "==", "!=", "<=", ">=", "<", ">", "in"};
        if (std::none_of(std::begin(kConditions), std::end(kConditions),
                         [&](const char* op) { return condition->op == op; })) {
            at_ = start;
            fail("between [ and ] stands an index, a name in quotes, * or a condition");
        }
        return {"", false, 0, true, std::move(condition)};
    }
    void deeper() {
        if (++depth_ > kMaxDepth) fail("nested too deeply");
    }

    const std::string& text_;
    const SourcePosition& where_;
    const std::string& path_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
};

struct Failure {
    std::string why;
};

constexpr const char* kNames[] = {"name", "device", "path", "id", "expr"};

const Json* find_named(const Json& list, const std::string& name) {
    for (const char* key : kNames) {
        for (const Json& item : list) {
            if (item.is_object() && item.contains(key) && item[key].is_string() && item[key] == name) return &item;
        }
    }
    return nullptr;
}

std::vector<std::string> names_in(const Json& value) {
    std::vector<std::string> names;
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items()) names.push_back(key);
    } else if (value.is_array()) {
        for (const Json& item : value) {
            for (const char* key : kNames) {
                if (item.is_object() && item.contains(key) && item[key].is_string()) names.push_back(item[key]);
            }
        }
    }
    return names;
}

Json evaluate_node(const ExpectNode& node, const Json& result);
bool truth(const Json& value);

/// The elements of a list for which a condition on the element itself holds.
Json filtered(const Json& list, const ExpectNode* condition, const std::string& so_far) {
    if (!list.is_array()) throw Failure{fmt::format("'{}' is no list that has elements to choose", so_far)};
    Json chosen = Json::array();
    for (const Json& element : list) {
        if (condition == nullptr || truth(evaluate_node(*condition, element))) chosen.push_back(element);
    }
    return chosen;
}

/// `name` of each element of a chosen list; elements that do not have it are left out.
Json each(const Json& list, const std::string& name, const std::string& so_far) {
    Json values = Json::array();
    for (const Json& element : list) {
        if (element.is_object() && element.contains(name)) values.push_back(element[name]);
    }
    if (values.empty() && !list.empty()) throw Failure{fmt::format("no element of '{}' has '{}'", so_far, name)};
    return values;
}

/// The nearest name; else the one that says the unit behind it.
std::optional<std::string> name_meant(const std::string& name, const std::vector<std::string>& names) {
    const auto with_unit =
        std::find_if(names.begin(), names.end(), [&](const std::string& one) { return one.rfind(name + "_", 0) == 0; });
    if (with_unit != names.end()) return *with_unit;
    return nearest_name(name, names);
}

Json follow(const ExpectNode& node, const Json& result) {
    const Json* at = &result;
    Json chosen;  // after a filter: a list of our own
    bool is_chosen = false;
    std::string so_far;
    for (const ExpectNode::Step& step : node.steps) {
        const Json* next = nullptr;
        if (step.is_filter) {
            chosen = filtered(*at, step.filter.get(), so_far);
            so_far += "[...]";
            is_chosen = true;
            at = &chosen;
            continue;
        }
        if (is_chosen && !step.is_index) {
            Json values = each(chosen, step.name, so_far);
            so_far += "." + step.name;
            chosen = std::move(values);
            at = &chosen;
            continue;
        }
        if (step.is_index) {
            so_far += fmt::format("[{}]", step.index);
            if (at->is_array() && step.index < at->size()) next = &(*at)[step.index];
        } else {
            const bool plain =
                step.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
                std::string::npos;
            so_far += !plain ? fmt::format("[\"{}\"]", step.name) : (so_far.empty() ? "" : ".") + step.name;
            if (at->is_object() && at->contains(step.name)) next = &(*at)[step.name];
            if (at->is_array()) next = find_named(*at, step.name);
        }
        if (next == nullptr) {
            const auto nearest = name_meant(step.name, names_in(*at));
            throw Failure{
                fmt::format("the result has no '{}'{}", so_far, nearest ? "; did you mean '" + *nearest + "'?" : "")};
        }
        if (is_chosen) {  // an index into it: no list any more
            Json one = *next;
            chosen = std::move(one);
            next = &chosen;
            is_chosen = false;
        }
        at = next;
    }
    return *at;
}

/// For messages: firmware's names may hold any byte.
std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// A list stands for the number of its elements where a number is asked for.
Json as_number(const Json& value) {
    if (value.is_array() || value.is_object()) return value.size();
    if (value.is_number()) return value;
    throw Failure{fmt::format("{} is not a number", dump(value))};
}

int compare_numbers(const Json& a, const Json& b) {
    if (a.is_number_integer() && b.is_number_integer()) {
        const bool a_negative = !a.is_number_unsigned() && a.get<std::int64_t>() < 0;
        const bool b_negative = !b.is_number_unsigned() && b.get<std::int64_t>() < 0;
        if (a_negative != b_negative) return a_negative ? -1 : 1;
        if (a_negative) {
            return a.get<std::int64_t>() < b.get<std::int64_t>()   ? -1
                   : a.get<std::int64_t>() > b.get<std::int64_t>() ? 1
                                                                   : 0;
        }
        return a.get<std::uint64_t>() < b.get<std::uint64_t>()   ? -1
               : a.get<std::uint64_t>() > b.get<std::uint64_t>() ? 1
                                                                 : 0;
    }
    const double x = a.get<double>();
    const double y = b.get<double>();
    return x < y ? -1 : x > y ? 1 : 0;
}

bool equal(const Json& a, const Json& b) {
    if (a.is_number() || b.is_number()) {
        const bool countable =
            (a.is_number() || a.is_array() || a.is_object()) && (b.is_number() || b.is_array() || b.is_object());
        return countable && compare_numbers(as_number(a), as_number(b)) == 0;
    }
    return a == b;
}

bool truth(const Json& value) {
    if (value.is_boolean()) return value.get<bool>();
    throw Failure{fmt::format("{} is neither true nor false", dump(value))};
}

Json arithmetic(const std::string& op, const Json& a, const Json& b) {
    const Json x = as_number(a);
    const Json y = as_number(b);
    if (op == "/") {
        if (y.get<double>() == 0) throw Failure{"division by zero"};
        return x.get<double>() / y.get<double>();
    }
    const double l = x.get<double>();
    const double r = y.get<double>();
    const double exact = op == "+" ? l + r : op == "-" ? l - r : l * r;
    constexpr double kWhole = 9007199254740992.0;
    const bool whole = x.is_number_integer() && y.is_number_integer() && exact < kWhole && exact > -kWhole;
    return whole ? Json(static_cast<std::int64_t>(exact)) : Json(exact);
}

Json compare(const std::string& op, const Json& a, const Json& b) {
    if (op == "==") return equal(a, b);
    if (op == "!=") return !equal(a, b);
    if (op == "in") {
        if (!b.is_array()) throw Failure{"'in' asks for a list on its right"};
        for (const Json& item : b) {
            if (equal(a, item)) return true;
        }
        return false;
    }
    int order = 0;
    if (a.is_string() && b.is_string()) {
        order = a.get_ref<const std::string&>().compare(b.get_ref<const std::string&>());
    } else {
        order = compare_numbers(as_number(a), as_number(b));
    }
    return op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
}

bool is_comparison(const std::string& op) {
    return op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">=" || op == "in";
}

/// max, min, mean, sum, percentile: over the numbers of a list; null (has no value) is left out.
Json aggregate(const std::string& function, const Json& list, const Json& rank) {
    if (!list.is_array()) throw Failure{fmt::format("{}() asks for a list, not for {}", function, dump(list))};
    std::vector<Json> values;
    for (const Json& value : list) {
        if (value.is_null()) continue;
        if (!value.is_number()) throw Failure{fmt::format("{}() of {}, which is no number", function, dump(value))};
        values.push_back(value);
    }
    if (values.empty()) throw Failure{fmt::format("{}() of no values", function)};
    std::stable_sort(values.begin(), values.end(),
                     [](const Json& a, const Json& b) { return compare_numbers(a, b) < 0; });
    if (function == "max") return values.back();
    if (function == "min") return values.front();
    if (function == "percentile") {
        const double share = as_number(rank).get<double>() / 100;
        if (share < 0 || share > 1) throw Failure{"percentile() takes a number from 0 to 100"};
        const double place = std::ceil(share * static_cast<double>(values.size()));  // nearest rank
        return values[static_cast<std::size_t>(std::max(1.0, place)) - 1];
    }
    Json sum = 0;
    for (const Json& value : values) sum = arithmetic("+", sum, value);
    return function == "sum" ? sum : Json(sum.get<double>() / static_cast<double>(values.size()));
}

Json evaluate_node(const ExpectNode& node, const Json& result) {
    const auto child = [&](std::size_t i) { return evaluate_node(*node.children[i], result); };
    if (node.op == "literal") return node.literal;
    if (node.op == "path") return follow(node, result);
    if (node.op == "count") return as_number(child(0));
    if (std::find(std::begin(kFunctions), std::end(kFunctions), node.op) != std::end(kFunctions))
        return aggregate(node.op, child(0), node.children.size() > 1 ? child(1) : Json());
    if (node.op == "negate") return arithmetic("-", 0, child(0));
    if (node.op == "not") return !truth(child(0));
    if (node.op == "and") return truth(child(0)) && truth(child(1));
    if (node.op == "or") return truth(child(0)) || truth(child(1));
    if (is_comparison(node.op)) return compare(node.op, child(0), child(1));
    return arithmetic(node.op, child(0), child(1));
}

/// For results: a list or map is shown as its size.
Json shown(const Json& value) { return value.is_structured() ? Json(value.size()) : value; }

std::string escape_xml(const std::string& text) {
    std::string safe;
    for (const char c : printable(text)) {
        switch (c) {
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '&':
                safe += "&amp;";
                break;
            case '"':
                safe += "&quot;";
                break;
            default:
                safe += c;
        }
    }
    return safe;
}

}  // namespace

Expectation Expectation::parse(const std::string& text, const SourcePosition& where, const std::string& path) {
    Expectation expectation;
    expectation.text_ = text;
    expectation.root_ = Parser(text, where, path).parse();
    return expectation;
}

Expectation::Outcome Expectation::evaluate(const Json& result) const {
    Outcome outcome;
    try {
        if (is_comparison(root_->op)) {
            const Json left = evaluate_node(*root_->children[0], result);
            const Json right = evaluate_node(*root_->children[1], result);
            outcome.value = shown(left);
            outcome.ok = truth(compare(root_->op, left, right));
            if (!outcome.ok)
                outcome.why =
                    fmt::format("found {}, expected {} {}", dump(outcome.value), root_->op, dump(shown(right)));
        } else {
            outcome.value = shown(evaluate_node(*root_, result));
            outcome.ok = truth(outcome.value);
            if (!outcome.ok) outcome.why = "is false";
        }
    } catch (const Failure& failure) {
        outcome.ok = false;
        outcome.failed = true;
        outcome.why = failure.why;
    }
    return outcome;
}

std::string junit_xml(const std::string& suite, const std::vector<JunitCase>& cases) {
    std::size_t failures = 0;
    for (const JunitCase& one : cases) failures += one.ok ? 0 : 1;
    std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    xml += fmt::format("<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n", escape_xml(suite), cases.size(),
                       failures);
    for (const JunitCase& one : cases) {
        xml += fmt::format("  <testcase classname=\"{}\" name=\"{}\"", escape_xml(suite), escape_xml(one.name));
        xml +=
            one.ok ? "/>\n" : fmt::format(">\n    <failure message=\"{}\"/>\n  </testcase>\n", escape_xml(one.message));
    }
    return xml + "</testsuite>\n";
}

}  // namespace xlate::study
