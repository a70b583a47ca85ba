// The three kinds of errors, never mixed (style.md section 6):
// InputError: what somebody gave us is wrong. A modelled event: not an exception at all.
// InternalError: we are wrong; raised by check(), the program ends with status 70.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace xlate {

/// Exit statuses of design.md section 3.
enum class ExitStatus : int {
    ok = 0,
    failed = 1,        ///< an expectation, a comparison, a bug found by explore, a simulated crash
    usage = 2,         ///< wrong usage or configuration
    bad_firmware = 3,  ///< malformed firmware
    limit = 4,         ///< a resource limit was hit
    internal = 70,     ///< a bug in xlate
    interrupted = 130,
};

/// Where in an input something stands. Text has line and column (from 1), binaries a byte offset.
struct SourcePosition {
    std::string file;
    std::optional<unsigned> line;
    std::optional<unsigned> column;
    std::optional<std::uint64_t> offset;

    /// "soc.yaml:14:19", "iort.aml+0x54", or just the file.
    std::string text() const;
};

/// One finding about an input. All parts but `what` may be empty.
struct Diagnostic {
    SourcePosition where;
    std::string path;      ///< "soc.iommus./smmuv3@9050000.tcu.tlb.entries", "/soc/usb@c000: iommus"
    std::string what;      ///< "48 is not a power of two"
    std::string expected;  ///< "expected a size such as '4 KiB'"
    std::string nearest;   ///< the nearest valid name: "did you mean '...'?"

    /// One line: place: path: what; expected; did you mean 'x'?
    std::string text() const;
};

/// An input is wrong. Carries every finding that could be collected.
class InputError : public std::runtime_error {
public:
    explicit InputError(Diagnostic finding, ExitStatus status = ExitStatus::usage);
    InputError(std::vector<Diagnostic> findings, ExitStatus status);

    const std::vector<Diagnostic>& findings() const { return findings_; }
    ExitStatus status() const { return status_; }

private:
    std::vector<Diagnostic> findings_;
    ExitStatus status_;
};

/// A bug in xlate itself.
class InternalError : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

[[noreturn]] void fail_check(std::string_view invariant, std::string_view file, int line, const std::string& values);

/// The candidate with the smallest edit distance to `name`, if it is near enough to be a typo.
std::optional<std::string> nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// A text from an input, made safe to print: control characters and escapes become \xNN.
std::string printable(std::string_view text);

}  // namespace xlate

/// Raises InternalError (status 70) if `condition` does not hold; `values` is a std::string, made only then.
/// Our only macro: the condition's text, file and line are not to be had otherwise in C++17.
#define XLATE_CHECK(condition, values)                                                 \
    do {                                                                               \
        if (!(condition)) ::xlate::fail_check(#condition, __FILE__, __LINE__, values); \
    } while (false)
