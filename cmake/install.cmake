# `cmake --install build --prefix DIR`: programs, libraries and headers with a CMake package, models and examples.
# `cpack --config build/CPackConfig.cmake`: Debian packages and a tarball (scripts/package.sh). Programs find what is
# theirs from their own folder (kernels/base/program_path.h), so any prefix will do.
#
#   component     holds                                            package
#   programs      bin, the bundled model and text, documents       encore_*.deb
#   mpi           libencore_mpi.so                                 encore-mpi_*.deb
#   cuda          libencore_cuda.so, where it was built            encore-cuda_*.deb
#   faiss         libencore_faiss.so, where it was built           encore-faiss_*.deb
#   development   static libraries, headers, find_package(encore)  libencore-dev_*.deb
#   bundled       the libraries that programs need beside glibc    in the tarball only; not by cmake --install
include(GNUInstallDirs)
set(CMAKE_INSTALL_LIBDIR lib)  # where programs look for their plugins, beside bin

set(libraries encore_base encore_ops encore_cpu encore_backend encore_data encore_model encore_optim encore_train
              encore_report)
get_property(programs DIRECTORY apps PROPERTY BUILDSYSTEM_TARGETS)

# RPATH and not RUNPATH: it also serves what the libraries of the tarball need themselves.
set_target_properties(${programs} PROPERTIES INSTALL_RPATH "${CMAKE_INSTALL_RPATH};$ORIGIN/../lib/encore")
foreach(program ${programs})
  target_link_options(${program} PRIVATE -Wl,--disable-new-dtags)
endforeach()
install(TARGETS ${programs} RUNTIME_DEPENDENCY_SET needed RUNTIME DESTINATION bin COMPONENT programs)
install(DIRECTORY models/encore-mini DESTINATION share/encore/models COMPONENT programs)
install(DIRECTORY examples/gene_ontology DESTINATION share/encore/examples COMPONENT programs)
install(FILES README.md LICENSE DESTINATION share/doc/encore COMPONENT programs)
install(DIRECTORY docs DESTINATION share/doc/encore COMPONENT programs)
foreach(plugin mpi cuda faiss)
  if(TARGET encore_${plugin})
    install(TARGETS encore_${plugin} LIBRARY DESTINATION lib COMPONENT ${plugin})
  endif()
endforeach()
# The C library comes with the system, and a program and its C library must fit.
install(RUNTIME_DEPENDENCY_SET needed
        PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|resolv|util)\\.so"
        DESTINATION lib/encore COMPONENT bundled EXCLUDE_FROM_ALL)

install(TARGETS ${libraries} EXPORT encore ARCHIVE DESTINATION lib COMPONENT development
        INCLUDES DESTINATION include/encore)
install(DIRECTORY kernels model optim data train report DESTINATION include/encore COMPONENT development
        FILES_MATCHING PATTERN "*.h"
        PATTERN "kernels/cpu" EXCLUDE PATTERN "kernels/cuda" EXCLUDE PATTERN "kernels/simt" EXCLUDE)
install(EXPORT encore NAMESPACE encore:: FILE encore-targets.cmake DESTINATION lib/cmake/encore COMPONENT development)
include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/encore-config.cmake.in ${CMAKE_BINARY_DIR}/encore-config.cmake
                              INSTALL_DESTINATION lib/cmake/encore)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/encore-config-version.cmake COMPATIBILITY ExactVersion)
install(FILES ${CMAKE_BINARY_DIR}/encore-config.cmake ${CMAKE_BINARY_DIR}/encore-config-version.cmake
              cmake/Finddnnl.cmake DESTINATION lib/cmake/encore COMPONENT development)

set(CPACK_PACKAGE_NAME encore)
set(CPACK_PACKAGE_VENDOR "Encore")
set(CPACK_PACKAGE_CONTACT "the maintainers of Encore")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Continued pretraining and fine-tuning of RoBERTa-family encoders")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_COMPONENTS_ALL programs development bundled)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_SOURCE_DIR}/cmake/cpack_project.cmake)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
# Names as short as `report` and `trace` stay out of /usr/bin.
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME encore)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libencore-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libdnnl-dev, libfmt-dev, nlohmann-json3-dev, libsimdjson-dev, libxxhash-dev, libzstd-dev, zlib1g-dev, pkg-config")
foreach(plugin mpi cuda faiss)
  string(TOUPPER ${plugin} name)
  if(TARGET encore_${plugin})
    list(APPEND CPACK_COMPONENTS_ALL ${plugin})
    set(CPACK_DEBIAN_${name}_PACKAGE_NAME encore-${plugin})
    set(CPACK_COMPONENT_${name}_DEPENDS programs)
  endif()
endforeach()
# cuBLASLt is no package of Debian: scripts/with_cuda.sh finds it.
set(CPACK_DEBIAN_CUDA_PACKAGE_SHLIBDEPS OFF)
include(CPack)
