# Finds oneDNN as DNNL::dnnl. Debian's own dnnl-config.cmake requires the OpenCL headers, which its package does not
# bring and which nothing here needs.
find_path(DNNL_INCLUDE_DIR dnnl.hpp)
find_library(DNNL_LIBRARY dnnl)
if(DNNL_INCLUDE_DIR)
  find_file(DNNL_VERSION_HEADER dnnl_version.h PATHS ${DNNL_INCLUDE_DIR}/oneapi/dnnl ${DNNL_INCLUDE_DIR} NO_DEFAULT_PATH)
  if(DNNL_VERSION_HEADER)
    foreach(part MAJOR MINOR PATCH)
      file(STRINGS ${DNNL_VERSION_HEADER} line REGEX "define DNNL_VERSION_${part} ")
      string(REGEX REPLACE ".*DNNL_VERSION_${part} +([0-9]+).*" "\\1" DNNL_${part} "${line}")
    endforeach()
    set(DNNL_VERSION ${DNNL_MAJOR}.${DNNL_MINOR}.${DNNL_PATCH})
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(dnnl REQUIRED_VARS DNNL_LIBRARY DNNL_INCLUDE_DIR VERSION_VAR DNNL_VERSION)
mark_as_advanced(DNNL_INCLUDE_DIR DNNL_LIBRARY DNNL_VERSION_HEADER)

if(dnnl_FOUND AND NOT TARGET DNNL::dnnl)
  add_library(DNNL::dnnl UNKNOWN IMPORTED)
  set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY}
                                              INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
endif()
