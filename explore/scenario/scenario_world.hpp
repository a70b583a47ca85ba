// A scenario's world: the model's own driver core, IOMMU core and OF parser over the scenario's firmware, IOMMU drivers
// from the table of model_driver.hpp or real ones, clients that bind and look whether their DMA is translated. Who does
// what: scenario_world.cpp; DMA through real drivers' hardware: scenario_dma.cpp; what is wrong in the end:
// scenario_checks.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "explore/machine/hardware.hpp"
#include "explore/scenario/scenario_program.hpp"
#include "kernel-model/arch/vmbus.hpp"
#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/driver-core/platform_bus.hpp"
#include "kernel-model/drivers/model/model_driver.hpp"
#include "kernel-model/drivers/standalone_drivers.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/of/id_bus.hpp"
#include "kernel-model/of/of_core.hpp"

namespace xlate::explore {

class ScenarioWorld;

/// The driver of every client.
class ClientModel : public kernel::Driver {
public:
    ClientModel(ScenarioWorld& world, kernel::BusType& on_bus) : Driver("client", on_bus), world_(world) {}
    bool match(const kernel::Device& device) const override;
    int probe(kernel::Device& dev) override;
    void remove(kernel::Device& dev) override;

private:
    ScenarioWorld& world_;
};

class ScenarioWorld : public World {
public:
    ScenarioWorld(const ScenarioProgram& program, kernel::Kernel& kernel);
    void connect(Hardware& hardware) override;
    void before() override;
    void start() override;
    void check() override;
    std::string outcome() const override;
    bool fires_timers() const override { return program_.scenario().deferral_timeout; }

private:
    friend class ClientModel;
    struct Client {
        const DeviceSpec* spec = nullptr;
        kernel::Ptr<kernel::Device> dev;
        unsigned deferred = 0;
        bool removed = false;
        std::vector<std::uint32_t> firmware_ids;  ///< in order, as the driver of its first IOMMU stores them
        bool started_without_group = false;       ///< its DMA: parsed, but not probed by the IOMMU core
        kernel::Ptr<kernel::IommuDomain> own_domain;
        std::optional<int> own_attach;  ///< what the last attach of its own domain came to
        // Behind real drivers.
        std::optional<PhysAddr> buffer;
        std::optional<Iova> address;  ///< of the buffer, since its DMA started
        bool powered = false;         ///< its driver uses it
        bool translated = false;      ///< that address is one of the IOMMU's
        std::string first_refused;    ///< its first access, if that was not translated
        std::string dma;              ///< what its accesses come to, by id
    };
    /// What real drivers and the DMA of their clients need.
    struct RealParts {
        RealParts(kernel::Kernel& kernel, const firmware::Description& description)
            : pages(kernel, description), dma(kernel, pages, description, {}) {}
        kernel::PageAllocator pages;
        kernel::DmaIommu dma;
        kernel::RuntimePm power;
    };
    /// An IOMMU driver: a row's or a real one.
    struct IommuDriver {
        std::unique_ptr<kernel::Driver> driver;
        kernel::IommuOps* ops = nullptr;
        kernel::ModelIommuDriver* model = nullptr;  ///< a row's
        std::string row;                            ///< its name there; a driver may be called otherwise
    };
    void add_iommu_driver(const IommuSpec& spec);
    kernel::PtrOrErr<kernel::IommuGroup> group_of_functions(kernel::Device& dev);
    void populate(kernel::Device& dev);
    // scenario_dma.cpp
    std::uint32_t id_of(const DeviceSpec& device, const EntrySpec& entry) const;
    bool behind_real(const Client& client) const;
    int map_buffer(Client& client);
    void unmap_buffer(Client& client);
    void power_off(Client& client);
    Landing access(const Client& client, const EntrySpec& entry);
    void first_access(Client& client);
    void judge_dma(Client& client);
    void judge_streams(const Client& client, const kernel::IommuGroup& group, const kernel::IommuFwspec* fwspec);
    void judge_removed(const Client& client);
    void add_bus_of(const DeviceSpec& spec);
    kernel::Ptr<kernel::Device> make_device(const DeviceSpec& spec);
    kernel::IdBus* id_bus(const DeviceSpec& spec);
    void act(const Action& action);
    int attach_own_domain(Client& client);
    void detach_own_domain(Client& client);
    kernel::BusType* bus_of(const DeviceSpec& spec);
    IommuDriver& iommu_driver(const std::string& name);
    kernel::Device& device(const std::string& name);
    Client* client(const std::string& name);
    const Client* client(const std::string& name) const;
    void access_of_device(const std::string& name);
    void check_disabled(const Client& client);
    bool registers(const std::string& iommu) const;
    void check_client(Client& client);
    void check_untranslated(const Client& client, const kernel::IommuFwspec* fwspec);
    void check_attached(const Client& client, const kernel::IommuGroup& group, const kernel::DevIommu& container);
    void check_streams(const Client& client, const kernel::ModelMaster& master);
    void add_client(std::string& text, const Client& client) const;
    std::string name_of_unit(std::size_t iommu) const;
    bool all_iommus_bound(const DeviceSpec& spec) const;
    std::vector<std::uint32_t> ids_by_firmware(const DeviceSpec& spec) const;

    const ScenarioProgram& program_;
    kernel::Kernel& k_;
    kernel::DriverCore drivers_;
    std::unique_ptr<RealParts> real_;  ///< null: rows only
    Hardware* hardware_ = nullptr;
    kernel::IommuCore iommu_;
    kernel::OfCore of_;
    kernel::OfDmaBus platform_;
    kernel::ModelPolicy policy_;
    std::unique_ptr<kernel::OfDmaBus> amba_;                    ///< where a device sits on it
    std::unique_ptr<kernel::VmBus> vmbus_;                      ///< where a device sits on it
    std::unique_ptr<kernel::OfDmaBus> pci_;                     ///< the same
    std::vector<std::unique_ptr<kernel::IdBus>> id_buses_;      ///< those that the scenario's devices are on
    std::vector<std::unique_ptr<ClientModel>> client_drivers_;  ///< one a bus
    std::vector<IommuDriver> iommu_drivers_;
    std::vector<Client> clients_;
    std::vector<kernel::Ptr<kernel::Device>> iommus_;
};

}  // namespace xlate::explore
