# What `cmake --install` and `cpack` give: the command, and the libraries with their headers for other programs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS xlate RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
install(DIRECTORY configs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/xlate/configs COMPONENT command
    FILES_MATCHING PATTERN "*.yaml" PATTERN "*.csv")
install(DIRECTORY docs/schemas/ DESTINATION ${CMAKE_INSTALL_DATADIR}/xlate/docs/schemas COMPONENT command)
install(DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/boards/ DESTINATION ${CMAKE_INSTALL_DATADIR}/xlate/boards
    COMPONENT command)

set(libraries base firmware iommu kernel_model modules explore soc study cli)
foreach(library ${libraries})
    set_target_properties(xlate_${library} PROPERTIES EXPORT_NAME ${library})
    target_include_directories(xlate_${library} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_compile_features(xlate_${library} PUBLIC cxx_std_17)
endforeach()
set_target_properties(xlate_cli PROPERTIES EXPORT_NAME command)
list(TRANSFORM libraries PREPEND xlate_ OUTPUT_VARIABLE targets)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/xlate)
install(TARGETS ${targets} EXPORT xlateTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libraries)
install(EXPORT xlateTargets NAMESPACE xlate:: DESTINATION ${package_dir} COMPONENT libraries)
configure_package_config_file(cmake/xlateConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/xlateConfig.cmake
    INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO
    NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/xlateConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/xlateConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/xlateConfigVersion.cmake
    cmake/dependencies.cmake DESTINATION ${package_dir} COMPONENT libraries)
file(RELATIVE_PATH up_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(package xlate xlate-kernel-model xlate-modules xlate-command)
    configure_file(cmake/${package}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${package}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT libraries)
endforeach()
install(CODE "execute_process(COMMAND \"${CMAKE_COMMAND}\" \"-DSOURCE_DIR=${CMAKE_CURRENT_SOURCE_DIR}\"
    \"-DOUTPUT=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}\"
    -P \"${CMAKE_CURRENT_SOURCE_DIR}/cmake/public_headers.cmake\" COMMAND_ERROR_IS_FATAL ANY)" COMPONENT libraries)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME xlate)
set(CPACK_PACKAGE_CONTACT "the xlate developers <xlate@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "SoC simulator seen from its IOMMUs: command, SystemC modules, libraries")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_PACKAGE_SECTION electronics)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libsystemc-dev, libfdt-dev, libfmt-dev, libssl-dev, libboost-context-dev, libyaml-cpp-dev, libsqlite3-dev")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)

# Manual pages and completion, as the command that is installed has them.
install(CODE "
    set(prefix \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
    execute_process(COMMAND \"$<TARGET_FILE:xlate>\" manual --out \"\${prefix}/${CMAKE_INSTALL_MANDIR}/man1\" OUTPUT_QUIET
        RESULT_VARIABLE failed)
    foreach(place bash:bash-completion/completions/xlate zsh:zsh/site-functions/_xlate fish:fish/vendor_completions.d/xlate.fish)
        string(REGEX MATCH \"^[a-z]+\" shell \${place})
        string(REGEX REPLACE \"^[a-z]+:\" \"\" file \${place})
        get_filename_component(folder \"\${prefix}/${CMAKE_INSTALL_DATADIR}/\${file}\" DIRECTORY)
        file(MAKE_DIRECTORY \"\${folder}\")
        execute_process(COMMAND \"$<TARGET_FILE:xlate>\" completion \${shell}
            OUTPUT_FILE \"\${prefix}/${CMAKE_INSTALL_DATADIR}/\${file}\" RESULT_VARIABLE wrong)
        if(wrong)
            set(failed \${wrong})
        endif()
    endforeach()
    if(failed)
        message(FATAL_ERROR \"xlate does not say its manual pages or completion\")
    endif()
" COMPONENT command)
