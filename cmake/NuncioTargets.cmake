# What every room shares: warnings, third parties, and one-line declarations of libraries and tests.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(nuncio_sodium REQUIRED IMPORTED_TARGET libsodium)

# Headers only. scripts/bootstrap unpacks them where their package can't be installed.
find_path(NUNCIO_MSGPACK_INCLUDE msgpack.hpp
  HINTS ${PROJECT_SOURCE_DIR}/build/deps/msgpack/usr/include
  DOC "Folder of msgpack-c's C++ headers")
if(NOT NUNCIO_MSGPACK_INCLUDE)
  message(FATAL_ERROR "msgpack.hpp is not found: run scripts/bootstrap, or set NUNCIO_MSGPACK_INCLUDE")
endif()
add_library(nuncio_msgpack INTERFACE)
target_include_directories(nuncio_msgpack SYSTEM INTERFACE $<BUILD_INTERFACE:${NUNCIO_MSGPACK_INCLUDE}>)

# Private to our own targets, so that users of the libraries never inherit them.
add_library(nuncio_warnings INTERFACE)
# Sources that are compiled as one see each other's unnamed namespaces, which aren't outer scopes: no -Wshadow there.
target_compile_options(nuncio_warnings INTERFACE
  -Wall -Wextra -Wconversion $<$<NOT:$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wshadow> -Wold-style-cast -Wimplicit-fallthrough)
# g++ 12 takes std::string's operator+ for an overlapping copy (its bug 105651).
target_compile_options(nuncio_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# Designated initialisers leave fields out on purpose.
target_compile_options(nuncio_warnings INTERFACE -Wno-missing-field-initializers)
if(NUNCIO_WERROR)
  target_compile_options(nuncio_warnings INTERFACE -Werror)
endif()

# Asio is compiled once: what a file pays for is its declarations.
add_library(nuncio_asio STATIC ${PROJECT_SOURCE_DIR}/cmake/asio.cpp)
add_library(nuncio::asio ALIAS nuncio_asio)
target_compile_features(nuncio_asio PUBLIC cxx_std_20)
target_compile_definitions(nuncio_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(nuncio_asio PUBLIC Boost::headers Threads::Threads)

# So is its TLS, for the rooms that speak it.
if(NUNCIO_TLS)
  find_package(OpenSSL 3 REQUIRED)
  add_library(nuncio_asio_ssl STATIC ${PROJECT_SOURCE_DIR}/cmake/asio_ssl.cpp)
  target_link_libraries(nuncio_asio_ssl PUBLIC nuncio_asio OpenSSL::SSL)
endif()

if(NUNCIO_INSTALL)
  nuncio_install_library(asio COMPONENT base)
  nuncio_install_library(msgpack COMPONENT rpc)
  if(TARGET nuncio_asio_ssl)
    nuncio_install_library(asio_ssl COMPONENT client)
  endif()
endif()

# nuncio_alone(SOURCE...): these are never compiled as one with others (CMAKE_UNITY_BUILD), with whose unnamed namespaces
# or macros they collide. To be called where the target is made.
function(nuncio_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# A room: its own folder is private, its include/ folder is what others see. One with a COMPONENT is installed with it.
function(nuncio_room name)
  cmake_parse_arguments(ARG "" "COMPONENT" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(nuncio_${name} STATIC ${ARG_SOURCES})
  add_library(nuncio::${name} ALIAS nuncio_${name})
  target_include_directories(nuncio_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_features(nuncio_${name} PUBLIC cxx_std_20)
  target_link_libraries(nuncio_${name} PUBLIC ${ARG_PUBLIC}
    PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:nuncio_warnings>)
  if(NUNCIO_INSTALL AND ARG_COMPONENT)
    nuncio_install_library(${name} COMPONENT ${ARG_COMPONENT})
  endif()
endfunction()

# A doctest binary; every test has a time limit.
function(nuncio_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS;INCLUDES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${ARG_INCLUDES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} nuncio_warnings)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if("threaded" IN_LIST ARG_LABELS)
    add_dependencies(threaded_tests ${name})
  endif()
endfunction()
