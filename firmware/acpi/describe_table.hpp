// What the description of a machine's tables has become so far, and one table's part in it. Private to firmware/.
// A new kind of table is a file describe_X.cpp and a row in describe.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/acpi/node_writer.hpp"
#include "firmware/acpi/tables.hpp"
#include "firmware/description.hpp"

namespace xlate::firmware::acpi {

inline constexpr std::uint32_t kAllIds = 0x10000;
inline constexpr std::uint64_t kPageBytes = 0x1000;

/// The machine, as far as its tables have been followed; outlives the parts that write it.
struct Described {
    explicit Described(std::shared_ptr<const Tables> of);

    void note(const std::string& path, std::string what) { out.oddities.push_back({path, std::move(what)}); }
    NodeIndex add(Node node) { return nodes.add(std::move(node)); }
    Node& at(NodeIndex node) { return out.nodes[index(node)]; }
    /// "name@base" with its registers.
    static Node at_address(const std::string& name, std::uint64_t base, std::uint64_t size,
                           std::string_view compatible);
    /// `gsiv` 0: there is none.
    static void interrupt(Node& node, const std::string& name, std::uint32_t gsiv);
    /// A device of the namespace; where there is no namespace it has its path alone.
    Node device(const std::string& path) const;
    /// What the namespace says of its device `number`.
    void describe_as(Node& node, std::size_t number) const;
    /// Adds a device with one id of `iommu`.
    void behind(Node node, NodeIndex iommu, std::uint32_t id);
    /// The host bridge that a bus belongs to.
    NodeIndex root_above(unsigned segment, unsigned bus);

    std::shared_ptr<const Tables> tables;
    Description out;
    NodeWriter nodes;
    std::vector<std::string> linux_names;  ///< of the namespace's devices
    std::map<std::string, std::size_t> of_path;
    std::map<std::uint64_t, std::size_t> of_address;  ///< of the first memory resource
    /// Units of x86 take the ids of a segment: rows by the devices that they name, then the unit for the rest.
    std::map<unsigned, std::vector<IommuMapRow>> segment_rows;
    std::map<unsigned, NodeIndex> rest_of_segment;
};

/// One table's part, in the order in which it is called.
class TableDescriber {
public:
    explicit TableDescriber(Described& machine) : machine_(machine), tables_(*machine.tables) {}
    TableDescriber(const TableDescriber&) = delete;
    TableDescriber& operator=(const TableDescriber&) = delete;
    virtual ~TableDescriber() = default;

    /// IOMMUs and devices of the platform.
    virtual void platform() {}
    /// PCI segments that it names.
    virtual std::set<unsigned> segments() const { return {}; }
    /// What needs the root buses: IOMMUs that are PCI functions, and what is behind them.
    virtual void functions() {}
    /// What of a root bus is behind which IOMMU.
    virtual void root(const PciRootNode& /*root*/) {}
    /// Whether Linux switches on ACS before it scans the buses.
    virtual bool acs_early() const { return true; }

protected:
    Described& machine_;
    const Tables& tables_;
};

// nullptr: the machine has no such table.
std::unique_ptr<TableDescriber> describe_iort(Described& machine);
std::unique_ptr<TableDescriber> describe_dmar(Described& machine);
std::unique_ptr<TableDescriber> describe_ivrs(Described& machine);
std::unique_ptr<TableDescriber> describe_rimt(Described& machine);
std::unique_ptr<TableDescriber> describe_viot(Described& machine);

}  // namespace xlate::firmware::acpi
