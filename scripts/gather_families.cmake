# Writes OUTPUT: gathered_families() of all FILES (a comma-separated list of *_family.cpp), in the order of their names.
string(REPLACE "," ";" files "${FILES}")
set(names "")
foreach(file ${files})
    get_filename_component(stem ${file} NAME_WE)
    list(APPEND names ${stem})
endforeach()
list(SORT names)
set(declarations "")
set(calls "")
foreach(name ${names})
    string(APPEND declarations "Span<Family> ${name}();\n")
    string(APPEND calls "    add(${name}());\n")
endforeach()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT "// Made by scripts/gather_families.cmake.
#include \"iommu/families.hpp\"

namespace xlate::iommu {

@declarations@
std::vector<Family> gathered_families();
std::vector<Family> gathered_families() {
    std::vector<Family> all;
    const auto add = [&all](Span<Family> some) { all.insert(all.end(), some.begin(), some.end()); };
@calls@    return all;
}

}  // namespace xlate::iommu
")
