// Every parameter is described once, in visit_config() (config_parameters.cpp): key, sentence, kind, bounds, and the
// field of Config. Visitors read YAML, list values with their origin, and write the JSON Schema from that one text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "base/quantity.hpp"
#include "base/time.hpp"

namespace xlate::study {

/// Receives the parameters in order. A visitor that reads sets the references; others look at them.
/// `sentence` says what the parameter is, without its default.
class ParameterVisitor {
public:
    using Inside = std::function<void()>;
    virtual ~ParameterVisitor() = default;
    /// False: what has no meaning with the values as they are is left out.
    virtual bool wants_all() const { return true; }

    virtual void map(const char* key, const char* sentence, const Inside& inside) = 0;
    virtual void boolean(const char* key, const char* sentence, bool& field) = 0;
    virtual void integer(const char* key, const char* sentence, std::uint64_t& field, std::uint64_t low,
                         std::uint64_t high) = 0;
    virtual void bytes(const char* key, const char* sentence, std::uint64_t& field, std::uint64_t low,
                       std::uint64_t high) = 0;
    virtual void bandwidth(const char* key, const char* sentence, std::uint64_t& field) = 0;
    virtual void time(const char* key, const char* sentence, SimTime& field) = 0;
    virtual void cycles(const char* key, const char* sentence, Cycles& field) = 0;
    virtual void clock(const char* key, const char* sentence, ClockPeriod& field) = 0;
    virtual void ratio(const char* key, const char* sentence, Ratio& field) = 0;
    virtual void text(const char* key, const char* sentence, std::string& field) = 0;
    virtual void choice(const char* key, const char* sentence, std::size_t& field,
                        const std::vector<std::string>& names) = 0;
    virtual void texts(const char* key, const char* sentence, std::vector<std::string>& field) = 0;
    /// Free keys with free scalar values: kernel parameters.
    virtual void text_map(const char* key, const char* sentence, std::map<std::string, std::string>& field) = 0;
    /// A list of maps. `type` names the shape of an element (lists may nest themselves: PCI below PCI).
    virtual void list(const char* key, const char* sentence, const char* type, std::size_t size,
                      const std::function<void(std::size_t)>& resize,
                      const std::function<void(std::size_t)>& element) = 0;
    /// A map with free keys whose values have one shape. `keys`: those that are there; `add` makes one.
    virtual void named(const char* key, const char* sentence, const char* type, const std::vector<std::string>& keys,
                       const std::function<void(const std::string&)>& add,
                       const std::function<void(const std::string&)>& element) = 0;
};

/// For fields narrower than 64 bits.
template <typename T>
void integer(ParameterVisitor& v, const char* key, const char* sentence, T& field, std::uint64_t low,
             std::uint64_t high) {
    static_assert(std::is_unsigned_v<T>);
    std::uint64_t wide = field;
    v.integer(key, sentence, wide, low, high);
    field = static_cast<T>(wide);
}
template <typename T>
void bytes(ParameterVisitor& v, const char* key, const char* sentence, T& field, std::uint64_t low,
           std::uint64_t high) {
    static_assert(std::is_unsigned_v<T>);
    std::uint64_t wide = field;
    v.bytes(key, sentence, wide, low, high);
    field = static_cast<T>(wide);
}
/// For fields of an enumeration whose values count from 0 in the order of `names`.
template <typename E>
void choice(ParameterVisitor& v, const char* key, const char* sentence, E& field,
            const std::vector<std::string>& names) {
    auto at = static_cast<std::size_t>(field);
    v.choice(key, sentence, at, names);
    field = static_cast<E>(at);
}
/// A list of maps kept in a vector.
template <typename T, typename Visit>
void list(ParameterVisitor& v, const char* key, const char* sentence, const char* type, std::vector<T>& field,
          Visit visit) {
    v.list(
        key, sentence, type, field.size(), [&field](std::size_t n) { field.resize(n); },
        [&field, &v, &visit](std::size_t i) { visit(v, field[i]); });
}
/// A map with free keys kept in a std::map.
template <typename T, typename Visit>
void named(ParameterVisitor& v, const char* key, const char* sentence, const char* type,
           std::map<std::string, T>& field, Visit visit) {
    std::vector<std::string> keys;
    for (const auto& [name, value] : field) keys.push_back(name);
    v.named(
        key, sentence, type, keys, [&field](const std::string& name) { field[name]; },
        [&field, &v, &visit](const std::string& name) { visit(v, field[name]); });
}

// Values as one would write them in the config; reading the text gives the value back.
std::string format_bytes(std::uint64_t bytes);
std::string format_time(SimTime time);
std::string format_cycles(Cycles cycles);
std::string format_clock(ClockPeriod clock);
std::string format_bandwidth(std::uint64_t bytes_per_second);
std::string format_ratio(const Ratio& ratio);

}  // namespace xlate::study
