# Read by CPack for each generator: a Debian package depends on Debian's libraries, the tarball brings them along.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_PACKAGING_INSTALL_PREFIX /opt/encore)
  list(REMOVE_ITEM CPACK_COMPONENTS_ALL bundled)
else()
  set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
endif()
