#include "soc/soc.hpp"

#include "base/error.hpp"
#include "kernel-model/core/kernel.hpp"
#include "soc/parts.hpp"

namespace xlate::soc {

Soc::Soc(const firmware::Description& description, const SocConfig& config) {
    std::vector<Diagnostic> findings = check(config, description);
    if (!findings.empty()) throw InputError(std::move(findings), ExitStatus::usage);
    parts_ = std::make_unique<Parts>(description, config);
}

Soc::~Soc() = default;

Outcome Soc::run() { return parts_->run(); }
void Soc::request_stop() { parts_->agenda.request_stop(); }
SimTime Soc::now() const { return parts_->agenda.now(); }
SocStats Soc::stats() const { return parts_->stats(); }
std::vector<ResourceUse> Soc::uses() const { return parts_->uses(); }
const std::vector<std::string>& Soc::warnings() const { return parts_->warnings; }
void Soc::set_trace(TraceSink* sink) {
    if (parts_->sanitizer != nullptr) {
        parts_->sanitizer->ledger().set_next(sink);
    } else {
        parts_->trace = sink;
    }
}

std::optional<SanitizerReport> Soc::sanitize(bool ended_well) {
    if (parts_->sanitizer == nullptr) return std::nullopt;
    return parts_->sanitizer->finish(ended_well);
}

bool Soc::peek(PhysAddr address, std::uint8_t* bytes, std::size_t size) const {
    if (!parts_->bytes.contains(address, size)) return false;
    parts_->bytes.read(address, bytes, size);
    return true;
}

bool Soc::poke(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
    if (!parts_->bytes.contains(address, size)) return false;
    parts_->bytes.write(address, bytes, size);
    return true;
}

kernel::Machine& Soc::machine() { return *parts_->machine; }
void Soc::attach(kernel::Kernel& kernel) {
    parts_->machine->attach(kernel.sched);
    if (parts_->sanitizer != nullptr) parts_->sanitizer->attach(kernel.sched);
}

std::uint64_t Soc::peek_register(PhysAddr address, unsigned size) const {
    IommuDevice* iommu = parts_->find_iommu(address);
    return iommu == nullptr ? 0 : iommu->peek(address.value, size);
}

void Soc::poke_register(PhysAddr address, unsigned size, std::uint64_t value) {
    IommuDevice* iommu = parts_->find_iommu(address);
    if (iommu != nullptr) iommu->poke(address.value, size, value);
}

bool Soc::enable_ats(const std::string& device, bool on) { return parts_->enable_ats(device, on); }

void Soc::stop_master(const std::string& device) {
    unsigned port = 0;
    while (DmaMaster* const master = parts_->find_master(device, port++)) master->stop();
}

bool Soc::start_master(const std::string& device, Iova iova, std::uint64_t size) {
    DmaMaster* master = parts_->find_master(device);
    XLATE_CHECK(master != nullptr, device);
    master->start({DmaRegion{iova, size}});
    return !master->idle();
}

void Soc::start_master(const std::string& device, Iova iova, std::uint64_t size, std::vector<std::uint64_t> offsets) {
    DmaMaster* master = parts_->find_master(device);
    XLATE_CHECK(master != nullptr, device);
    master->start({DmaRegion{iova, size}});
    master->follow(std::move(offsets));
}

}  // namespace xlate::soc
