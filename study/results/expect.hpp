// `expect:` conditions on a result: a small language over the paths of result.json.
//   masters["0000:00:01.0"].latency_ns.p99 < 900 and kernel.oops == 0
// Paths: names, [index], ["name"]: an element of a list by its name, device, path, id or expr. A list compared with a
// number counts its elements. [condition] chooses elements, with names of the element: devices[driver == "nvme"]; [*]
// all; a name behind such a list is that of each. Operators, loosest first: or, and, not, == != < <= > >= in, + -, * /,
// unary -; count(x); max, min, mean, sum of a list, percentile(list, 99) by nearest rank, null left out; parentheses;
// numbers (also 0x), strings in quotes, true, false, null.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace xlate::study {

struct ExpectNode;

/// A parsed condition. Cheap to copy.
class Expectation {
public:
    /// Errors: InputError at `where` (status 2), with the column inside the expression.
    static Expectation parse(const std::string& text, const SourcePosition& where, const std::string& path);

    struct Outcome {
        bool ok = false;
        nlohmann::ordered_json value;  ///< left side of the outermost comparison, else the value itself
        bool failed = false;           ///< it could not be evaluated: no such value, or not of this kind
        std::string why;               ///< if not ok: "0 == 0 is false", "no value 'masters.x'; did you mean ...?"
    };
    Outcome evaluate(const nlohmann::ordered_json& result) const;
    const std::string& text() const { return text_; }

private:
    std::string text_;
    std::shared_ptr<const ExpectNode> root_;
};

/// JUnit XML: one test case an expectation, and one that says whether the run ended as it should.
struct JunitCase {
    std::string name;
    bool ok = true;
    std::string message;
};
std::string junit_xml(const std::string& suite, const std::vector<JunitCase>& cases);

}  // namespace xlate::study
