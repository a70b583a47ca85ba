// The floor: what any event-driven model of a translated transaction must do at least, written as tightly as is
// reasonable, with no claim to model anything: a timing wheel with callbacks, a 4-way TLB, a real four-level walk in
// memory and a copy of 64 bytes, in four stages (issue, look-up, memory, completion). Its cost is the yardstick.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xlate::bench {

struct FloorParams {
    std::uint64_t working_set_bytes = std::uint64_t{1} << 16;  ///< power of two, of 4 KiB pages
    bool random = false;                                       ///< else linear
    bool copy_payload = true;
    bool host_huge_pages = false;  ///< back the simulated memory by huge pages of the host
    unsigned outstanding = 64;
};

class Floor {
public:
    explicit Floor(const FloorParams& params);
    ~Floor();
    Floor(const Floor&) = delete;
    Floor& operator=(const Floor&) = delete;

    void run(std::uint64_t transactions);
    std::uint64_t completed() const { return completed_; }
    std::uint64_t hits() const { return hits_; }
    std::uint64_t checksum() const { return latency_sum_ + payload_sum_ + time_; }

private:
    struct Transaction {
        Transaction* next = nullptr;
        void (Floor::*fire)(Transaction&) = nullptr;
        std::uint64_t issued = 0;
        std::uint64_t va = 0;
        std::uint64_t pa = 0;
        std::array<std::uint8_t, 64> data{};
    };
    static constexpr std::size_t kSlots = 1024;  ///< ticks that the wheel holds; every delay is shorter
    static constexpr std::size_t kWays = 4;
    static constexpr std::size_t kSets = 512;

    void schedule(Transaction& transaction, unsigned delay, void (Floor::*fire)(Transaction&));
    void issue(Transaction& transaction);
    void look_up(Transaction& transaction);
    void access_memory(Transaction& transaction);
    void complete(Transaction& transaction);
    std::uint64_t walk(std::uint64_t va) const;
    void map(std::uint64_t va, std::uint64_t pa);
    std::uint64_t load(std::uint64_t pa) const;
    std::uint64_t random_bits();

    FloorParams params_;
    std::uint8_t* memory_ = nullptr;
    std::uint64_t memory_bytes_;
    std::uint64_t next_table_;
    std::uint64_t random_state_ = 0x9E3779B97F4A7C15;

    std::array<Transaction*, kSlots> slots_{};
    std::array<std::uint64_t, kSlots / 64> occupied_{};
    std::uint64_t time_ = 0;
    std::uint64_t pending_ = 0;

    std::array<std::uint64_t, kSets * kWays> tags_{};
    std::array<std::uint64_t, kSets * kWays> frames_{};
    std::array<std::uint64_t, kSets * kWays> used_{};

    std::vector<Transaction> transactions_;
    std::uint64_t to_issue_ = 0;
    std::uint64_t issued_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t hits_ = 0;
    std::uint64_t latency_sum_ = 0;
    std::uint64_t payload_sum_ = 0;
};

}  // namespace xlate::bench
