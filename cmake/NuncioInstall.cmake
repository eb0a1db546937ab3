# What is installed: a CMake package of the libraries, and the programs. The parts can be installed apart from each other
# (cmake --install FOLDER --component NAME): base, which every library needs, client, rpc (with client), server, programs.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(NUNCIO_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/nuncio)

# A library of ours, nuncio::<name> for its users, with the headers of its include/ folder if it has one.
function(nuncio_install_library name)
  cmake_parse_arguments(ARG "" "COMPONENT" "" ${ARGN})
  set_target_properties(nuncio_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS nuncio_${name} EXPORT nuncio-${ARG_COMPONENT}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${ARG_COMPONENT}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/include/nuncio/${name})
    install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/nuncio/${name}
      DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nuncio COMPONENT ${ARG_COMPONENT} FILES_MATCHING PATTERN *.hpp)
  endif()
endfunction()

function(nuncio_install_program name)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
endfunction()

# Called once all targets are there: what find_package(nuncio) reads.
function(nuncio_install_package)
  foreach(component base client rpc server)
    install(EXPORT nuncio-${component} NAMESPACE nuncio:: FILE nuncio-${component}-targets.cmake
      DESTINATION ${NUNCIO_PACKAGE_FOLDER} COMPONENT ${component})
  endforeach()
  set(nuncio_tls_needs)
  if(NUNCIO_TLS)
    set(nuncio_tls_needs openssl)
  endif()
  # fmt's functions have its major version in their names.
  find_package(fmt REQUIRED)
  math(EXPR nuncio_fmt_end "${fmt_VERSION_MAJOR} + 1")
  configure_file(${PROJECT_SOURCE_DIR}/cmake/nuncioConfig.cmake.in nuncioConfig.cmake @ONLY)
  write_basic_package_version_file(nuncioConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/nuncioConfig.cmake ${PROJECT_BINARY_DIR}/nuncioConfigVersion.cmake
    DESTINATION ${NUNCIO_PACKAGE_FOLDER} COMPONENT base)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT base)
endfunction()
