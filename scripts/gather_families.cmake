# Writes OUTPUT: gathered_families(), find_small_family() and gathered_examples() of all FILES (a comma-separated list of *_family.cpp), and
# gathered_records() of all RECORDS (*_records.cpp), in the order of their names.
cmake_minimum_required(VERSION 3.25)
string(REPLACE "," ";" files "${FILES}")
set(names "")
foreach(file ${files})
    get_filename_component(stem ${file} NAME_WE)
    list(APPEND names ${stem})
endforeach()
list(SORT names)
set(declarations "")
set(calls "")
set(small "")
set(examples "")
foreach(name ${names})
    string(REGEX REPLACE "_family$" "_small" small_name ${name})
    string(REGEX REPLACE "_family$" "_example" example_name ${name})
    string(APPEND declarations "Span<Family> ${name}();\nSmallFamily ${small_name}();\nExampleBoard ${example_name}();\n")
    string(APPEND calls "    add(${name}());\n")
    string(APPEND small "        ${small_name}(),\n")
    string(APPEND examples "${example_name}(), ")
endforeach()
string(REPLACE "," ";" record_files "${RECORDS}")
set(record_names "")
foreach(file ${record_files})
    get_filename_component(stem ${file} NAME_WE)
    list(APPEND record_names ${stem})
endforeach()
list(SORT record_names)
set(record_declarations "")
set(record_calls "")
foreach(name ${record_names})
    string(APPEND record_declarations "std::vector<RecordFamily> ${name}();\n")
    string(APPEND record_calls "    add(${name}());\n")
endforeach()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT "// Made by scripts/gather_families.cmake.
#include \"iommu/example_boards.hpp\"
#include \"iommu/families.hpp\"
#include \"iommu/records/record.hpp\"
#include \"iommu/small_instances.hpp\"

namespace xlate::iommu {

${declarations}
std::vector<Family> gathered_families();
std::vector<Family> gathered_families() {
    std::vector<Family> all;
    const auto add = [&all](Span<Family> some) { all.insert(all.end(), some.begin(), some.end()); };
${calls}    return all;
}

const SmallFamily* find_small_family(std::string_view name) {
    static const SmallFamily kAll[] = {
${small}    };
    for (const SmallFamily& family : kAll) {
        if (family.name == name) return &family;
    }
    return nullptr;
}

std::vector<ExampleBoard> gathered_examples() { return {${examples}}; }

namespace records {

${record_declarations}
std::vector<RecordFamily> gathered_records();
std::vector<RecordFamily> gathered_records() {
    std::vector<RecordFamily> all;
    const auto add = [&all](const std::vector<RecordFamily>& some) { all.insert(all.end(), some.begin(), some.end()); };
${record_calls}    return all;
}

}  // namespace records
}  // namespace xlate::iommu
")
