// Builds device tree blobs in a test, by libfdt's sequential writer.
#pragma once

#include <libfdt.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "base/bits.hpp"

namespace xlate::tests {

/// Nodes are opened and closed in order; properties before child nodes.
class TreeBuilder {
public:
    explicit TreeBuilder(std::size_t capacity = 64 * 1024) : blob_(capacity) {
        check(fdt_create(blob_.data(), static_cast<int>(blob_.size())));
        check(fdt_finish_reservemap(blob_.data()));
        open("");
    }
    TreeBuilder& open(const std::string& name) { return check(fdt_begin_node(blob_.data(), name.c_str())); }
    TreeBuilder& close() { return check(fdt_end_node(blob_.data())); }
    TreeBuilder& cells(const char* name, std::initializer_list<std::uint32_t> values) {
        return cells(name, std::vector<std::uint32_t>(values));
    }
    TreeBuilder& cells(const char* name, const std::vector<std::uint32_t>& values) {
        std::vector<std::uint8_t> bytes(4 * values.size());
        for (std::size_t i = 0; i < values.size(); ++i) store_be(bytes.data() + 4 * i, 4, values[i]);
        return raw(name, bytes);
    }
    TreeBuilder& text(const char* name, std::string_view value) {  // with its terminator; "a\0b"sv makes a list
        std::vector<std::uint8_t> bytes(value.begin(), value.end());
        bytes.push_back(0);
        return raw(name, bytes);
    }
    TreeBuilder& flag(const char* name) { return raw(name, {}); }
    TreeBuilder& raw(const char* name, const std::vector<std::uint8_t>& bytes) {
        return check(fdt_property(blob_.data(), name, bytes.data(), static_cast<int>(bytes.size())));
    }
    /// Closes the root and returns the blob, cut to its size.
    std::vector<std::uint8_t> finish() {
        close();
        check(fdt_finish(blob_.data()));
        blob_.resize(fdt_totalsize(blob_.data()));
        return blob_;
    }

private:
    TreeBuilder& check(int status) {
        INFO(fdt_strerror(status));
        REQUIRE(status == 0);
        return *this;
    }
    std::vector<std::uint8_t> blob_;
};

}  // namespace xlate::tests
