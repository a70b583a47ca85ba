#include "iommu/smmuv2/register_files.hpp"

#include "base/error.hpp"
#include "iommu/smmuv2/slot.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

/// One slot in each file; the access chooses.
class FilesSlot final : public TranslationSlot {
public:
    explicit FilesSlot(RegisterFiles& files) : files_(files) {
        for (unsigned i = 0; i < files.register_banks(); ++i) slots_.push_back(files.file(i).make_translation());
    }
    void start(const Request& request) override {
        at_ = files_.file_of(request.address);
        epoch_ = files_.epoch();
        slots_[at_]->start(request);
    }
    const Step& step(const Reply& reply) override {
        const Step& step = slots_[at_]->step(reply);
        if (step.kind != StepKind::done && step.kind != StepKind::fault && step.kind != StepKind::stalled) return step;
        // Epochs are those of all files together.
        last_ = step;
        last_.result.epoch = epoch_;
        return last_;
    }
    void again() override {
        epoch_ = files_.epoch();
        slots_[at_]->again();
    }
    std::optional<std::uint64_t> walked_space() const override { return slots_[at_]->walked_space(); }
    std::uint32_t epoch() const override { return epoch_; }

private:
    RegisterFiles& files_;
    std::vector<std::unique_ptr<TranslationSlot>> slots_;
    unsigned at_ = 0;
    std::uint32_t epoch_ = 0;
    Step last_;
};

}  // namespace

RegisterFiles::RegisterFiles(const SmmuParams& params, unsigned files) {
    XLATE_CHECK(files >= 1 && files <= 4, std::to_string(files) + " register files");
    for (unsigned i = 0; i < files; ++i) {
        SmmuParams own = params;
        own.name += ".file" + std::to_string(i);
        files_.push_back(std::make_unique<Smmu>(own));
        files_.back()->add_sink(*this);
    }
    update();
}

void RegisterFiles::update() {
    translates_ = false;
    for (const auto& file : files_) translates_ = translates_ || file->translates();
}

void RegisterFiles::invalidate(const Invalidation& invalidation) {
    ++epoch_;
    tell(invalidation);
}

void RegisterFiles::reset() {
    for (const auto& file : files_) file->reset();
    update();
}

std::uint64_t RegisterFiles::read_register(std::uint64_t offset, unsigned size, unsigned bank) const {
    return files_[bank]->read_register(offset, size);
}

void RegisterFiles::write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) {
    files_[bank]->write_register(offset, size, value);
    update();
}

std::unique_ptr<TranslationSlot> RegisterFiles::make_translation() { return std::make_unique<FilesSlot>(*this); }

const Step& RegisterFiles::step_machine(unsigned index, const Reply& reply) {
    return files_[index / 2]->step_machine(index % 2, reply);
}

std::optional<unsigned> RegisterFiles::take_wire() {
    for (const auto& file : files_) {
        if (const auto wire = file->take_wire()) return wire;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> RegisterFiles::take_resumed() {
    for (const auto& file : files_) {
        if (const auto id = file->take_resumed()) return id;
    }
    return std::nullopt;
}

std::vector<std::uint64_t> RegisterFiles::counter_values() const {
    std::vector<std::uint64_t> sum = files_[0]->counter_values();
    for (std::size_t i = 1; i < files_.size(); ++i) {
        const std::vector<std::uint64_t> more = files_[i]->counter_values();
        for (std::size_t n = 0; n < sum.size(); ++n) sum[n] += more[n];
    }
    return sum;
}

CacheCounters RegisterFiles::structure_counters(std::size_t row) const {
    CacheCounters sum;
    for (const auto& file : files_) {
        const CacheCounters more = file->structure_counters(row);
        sum.lookups += more.lookups;
        sum.hits += more.hits;
        sum.fills += more.fills;
        sum.invalidated += more.invalidated;
    }
    return sum;
}

}  // namespace xlate::iommu::smmuv2
