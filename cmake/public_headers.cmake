# Copies the public headers below OUTPUT/xlate, with the includes of one another as <prefix>/xlate has them.
foreach(room base firmware iommu kernel-model soc)
    file(GLOB_RECURSE headers RELATIVE ${SOURCE_DIR} ${SOURCE_DIR}/${room}/*.hpp)
    foreach(header ${headers})
        if(header MATCHES "^soc/(cpu/|iommu/sanitizer|soc\\.hpp|parts\\.hpp)")
            continue()  # what builds whole SoCs is the command's
        endif()
        file(READ ${SOURCE_DIR}/${header} text)
        string(REGEX REPLACE "#include \"(base|firmware|iommu|kernel-model|soc)/" "#include \"xlate/\\1/" text "${text}")
        file(WRITE ${OUTPUT}/xlate/${header} "${text}")
    endforeach()
endforeach()
file(READ ${SOURCE_DIR}/cli/command.hpp text)
file(WRITE ${OUTPUT}/xlate/cli/command.hpp "${text}")
