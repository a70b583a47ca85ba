// Recorded traffic: what a file says, and where it is wrong.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "study/run/recorded_traffic.hpp"

namespace xlate::tests {

namespace {

std::string parsed(std::string_view text, const study::RecordedLimits& limits) {
    try {
        std::string result;
        const auto recorded = study::parse_recorded(text, "t.csv", limits);
        for (const soc::RecordedAccess& access : *recorded) {
            result += fmt::format("{}:{:x}+{}{} ", access.at.fs, access.offset, access.size, access.write ? "w" : "r");
        }
        return result;
    } catch (const InputError& error) {
        return error.findings().at(0).text();
    }
}

study::RecordedLimits limits(std::uint64_t working_set = 1 << 20, std::uint64_t chunk = 0) {
    return {"dma", "", working_set, chunk};
}

}  // namespace

TEST_CASE("a recording is read by the names of its columns") {
    CHECK(parsed("time_ns,offset,size,op\n0,0,64,r\n1.5,0x1000,32,w\n", limits()) == "0:0+64r 1500000:1000+32w ");
    CHECK(parsed("# made by hand\n\nop, size, offset, time_ps\nread, 8, 16, 7\r\nwrite, 8, 24, 7\n", limits()) ==
          "7000:10+8r 7000:18+8w ");
    SECTION("masters: those of the device's name, or of another") {
        const char* text = "time_ns,master,offset,size,op\n5,cpu,0,4,r\n1,dma,0,64,r\n0,other,9,9,w\n";
        CHECK(parsed(text, limits()) == "1000000:0+64r ");
        study::RecordedLimits other = limits();
        other.master = "other";
        CHECK(parsed(text, other) == "0:9+9w ");
    }
    SECTION("addresses count from the lowest page") {
        CHECK(parsed("time_fs,address,size,op\n1,0x80002010,16,r\n2,0x80001008,8,w\n", limits()) ==
              "1:1010+16r 2:8+8w ");
    }
    SECTION("accesses are cut at 4 KiB") {
        CHECK(parsed("time_ns,offset,size,op\n0,4000,200,w\n", limits()) == "0:fa0+96w 0:1000+104w ");
    }
    SECTION("buffers") {
        CHECK(parsed("time_ns,buffer,offset,size,op\n0,2,64,8,r\n", limits(1 << 20, 8192)) == "0:4040+8r ");
    }
}

TEST_CASE("what is wrong in a recording is said with its place") {
    const std::string head = "time_ns,offset,size,op\n0,0,64,r\n";
    CHECK(parsed("", limits()) ==
          "t.csv: there is no line with the names of the columns; expected time_ns,master,offset,size,op");
    CHECK(parsed("time_ns,ofset,size,op\n", limits()) ==
          "t.csv:1:9: there is no column 'ofset'; expected one such as offset");
    CHECK(parsed("time_ns,offset,offset,size,op\n", limits()) ==
          "t.csv:1:16: a second column of 'offset'; expected each once");
    CHECK(parsed("time_ns,size,op\n", limits()) ==
          "t.csv:1: there has to be one column of addresses; expected offset or address");
    CHECK(parsed("offset,size,op\n", limits()) == "t.csv:1: there is no column of times; expected time_ns");
    CHECK(parsed("time_ns,offset,op\n", limits()) == "t.csv:1: there is no column of sizes; expected size");
    CHECK(parsed("time_ns,offset,size\n", limits()) ==
          "t.csv:1: there is no column that says read or write; expected op");
    CHECK(parsed(head + "1,0,64\n", limits()) == "t.csv:3: 3 fields; expected 4, as in the first line");
    CHECK(parsed(head + "1,zero,64,r\n", limits()) ==
          "t.csv:3:3: found 'zero'; expected an address such as 4096 or 0x1000");
    CHECK(parsed(head + "soon,0,64,r\n", limits()) == "t.csv:3:1: found 'soon'; expected a time in ns");
    CHECK(parsed(head + "1,0,0,r\n", limits()) == "t.csv:3:5: 0 bytes; expected 1 byte to 16 MiB");
    CHECK(parsed(head + "1,0,64,x\n", limits()) == "t.csv:3:8: found 'x'; expected r or w");
    CHECK(parsed(head + "5,0,64,r\n4,0,64,r\n", limits()) ==
          "t.csv:4:1: earlier than the line of this master before; expected times that never fall");
    CHECK(parsed("time_ns,offset,size,op\n", limits()) ==
          "t.csv: no line of master 'dma'; expected at least one access");
    CHECK(parsed("time_ns,master,offset,size,op\n1,cpu,0,64,r\n", limits()) ==
          "t.csv: no line of master 'dma'; expected one of cpu");
    CHECK(parsed(head + "1,0x1000,64,r\n2,0,64,r\n", limits(4096)) ==
          "t.csv:3: this access ends 4160 bytes into the buffers, which have 4 KiB; expected traffic[].working_set: "
          "8192 B "
          "or more");
    CHECK(parsed("time_ns,buffer,offset,size,op\n0,2,64,8,r\n", limits()) ==
          "t.csv:2: a buffer, and there is only one mapping; expected traffic[].chunk");
    CHECK(parsed("time_ns,buffer,offset,size,op\n0,9,64,8,r\n", limits(16384, 8192)) ==
          "t.csv:2:5: there is no buffer 9; expected one of the working set");
    CHECK(parsed("time_ns,buffer,offset,size,op\n0,0,8190,8,r\n", limits(16384, 8192)) ==
          "t.csv:2:5: beyond the end of its buffer; expected buffers of 8 KiB (traffic[].chunk)");
}

namespace {

/// A binary recording, byte by byte as docs/traces.md has it.
struct Binary {
    std::string bytes = "XLTRACE1";
    Binary(unsigned places, unsigned unit, const std::vector<std::string>& masters) {
        put(places, 1).put(unit, 1).put(masters.size(), 2).put(0, 4);
        for (const std::string& name : masters) {
            put(name.size(), 2);
            bytes += name;
        }
    }
    Binary& put(std::uint64_t value, unsigned size) {
        for (unsigned i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 255);
        return *this;
    }
    Binary& record(std::uint64_t time, std::uint64_t place, std::uint64_t size, unsigned master, unsigned op,
                   unsigned buffer = 0) {
        return put(time, 8).put(place, 8).put(size, 4).put(buffer, 4).put(master, 2).put(op, 1).put(0, 5);
    }
};

}  // namespace

TEST_CASE("a binary recording says what the same lines of CSV say") {
    CHECK(parsed(Binary(0, 2, {}).record(0, 0, 64, 0xFFFF, 0).record(2, 0x1000, 32, 0xFFFF, 1).bytes, limits()) ==
          parsed("time_ns,offset,size,op\n0,0,64,r\n2,0x1000,32,w\n", limits()));
    const Binary several = Binary(0, 1, {"cpu", "dma"}).record(5, 0, 4, 0, 0).record(1, 0, 64, 1, 0);
    CHECK(parsed(several.bytes, limits()) == "1000:0+64r ");
    CHECK(parsed(Binary(1, 0, {}).record(1, 0x80002010, 16, 0xFFFF, 0).record(2, 0x80001008, 8, 0xFFFF, 1).bytes,
                 limits()) == "1:1010+16r 2:8+8w ");
    CHECK(parsed(Binary(2, 3, {}).record(1, 64, 8, 0xFFFF, 0, 2).bytes, limits(1 << 20, 8192)) ==
          "1000000000:4040+8r ");
    CHECK(parsed(Binary(0, 0, {}).record(0, 4000, 200, 0xFFFF, 1).bytes, limits()) == "0:fa0+96w 0:1000+104w ");
}

TEST_CASE("what is wrong in a binary recording is said with its byte") {
    CHECK(parsed("XLTRACE1", limits()) == "t.csv+0x8: the file ends within its header; expected 16 bytes");
    CHECK(parsed(Binary(3, 0, {}).bytes, limits()) ==
          "t.csv+0x8: places of kind 3; expected 0: offsets, 1: addresses, 2: buffers");
    CHECK(parsed(Binary(0, 4, {}).bytes, limits()) ==
          "t.csv+0x9: times in unit 4; expected 0: fs, 1: ps, 2: ns, 3: us");
    std::string cut = Binary(0, 0, {"dma"}).bytes;
    cut.pop_back();
    CHECK(parsed(cut, limits()) ==
          "t.csv+0x10: the file ends within the name of master 0; expected its length and its bytes");
    CHECK(parsed(Binary(0, 0, {"dma"}).bytes, limits()) ==
          "t.csv: no record of master 'dma'; expected at least one access");
    CHECK(parsed(Binary(0, 0, {}).record(0, 0, 64, 0xFFFF, 0).bytes + "x", limits()) ==
          "t.csv+0x31: the file ends within a record; expected records of 32 bytes");
    CHECK(parsed(Binary(0, 0, {}).record(0, 0, 64, 3, 0).bytes, limits()) ==
          "t.csv+0x28: there is no master 3; expected less than 0, or 65535: none");
    CHECK(parsed(Binary(0, 0, {}).record(0, 0, 64, 0xFFFF, 2).bytes, limits()) ==
          "t.csv+0x2a: found 2; expected 0: a read, 1: a write");
    CHECK(parsed(Binary(0, 0, {}).record(0, 0, 0, 0xFFFF, 0).bytes, limits()) ==
          "t.csv+0x20: 0 bytes; expected 1 byte to 16 MiB");
    CHECK(parsed(Binary(0, 0, {}).record(9, 0, 8, 0xFFFF, 0).record(8, 0, 8, 0xFFFF, 0).bytes, limits()) ==
          "t.csv+0x30: earlier than the record of this master before; expected times that never fall");
    CHECK(parsed(Binary(0, 0, {}).record(0, 5000, 64, 0xFFFF, 0).bytes, limits(4096)) ==
          "t.csv+0x10: this access ends 5064 bytes into the buffers, which have 4 KiB; expected "
          "traffic[].working_set: 8192 B or more");
    CHECK(parsed(Binary(0, 3, {}).record(~std::uint64_t{0}, 0, 8, 0xFFFF, 0).bytes, limits()) ==
          "t.csv+0x10: this time is too long; expected less than 2 hours");
}

}  // namespace xlate::tests
