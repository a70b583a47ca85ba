// Elements in a row that somebody else owns: a pointer and a count. C++20's std::span<const T>, which C++17 lacks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xlate {

/// Read only. Valid as long as the owner keeps the elements where they are; copying copies no element.
template <typename T>
class Span {
public:
    constexpr Span() = default;
    constexpr Span(const T* data, std::size_t size) : data_(data), size_(size) {}
    // Implicit, as in std::span: a vector is a valid argument wherever elements are only looked at.
    Span(const std::vector<T>& owner) : data_(owner.data()), size_(owner.size()) {}

    constexpr const T* data() const { return data_; }
    constexpr std::size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr const T* begin() const { return data_; }
    constexpr const T* end() const { return data_ + size_; }
    constexpr const T& operator[](std::size_t i) const { return data_[i]; }

private:
    const T* data_ = nullptr;
    std::size_t size_ = 0;
};

using ByteView = Span<std::uint8_t>;

}  // namespace xlate
