# Settings of every target of the project (language, flags, sanitizers), and functions that make a library, a program or
# a test. Sources are found by folder, so that adding a file needs no edit here.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(ENCORE_CCACHE ccache)
if(ENCORE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ENCORE_CCACHE})
endif()

# Any x86-64 with AVX2 runs the programs; wider vectors are chosen at run time (kernels/cpu).
set(ENCORE_FLAGS -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-ignored-attributes
                 -march=x86-64-v3)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1")
if(ENCORE_SANITIZE)
  list(APPEND ENCORE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(ENCORE_FUZZ)
  # Parsers stop at the first fault of any kind. clang has no maybe-uninitialized to switch off.
  list(APPEND ENCORE_FLAGS -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
                           -fno-omit-frame-pointer -Wno-unknown-warning-option)
  add_link_options(-fsanitize=address,undefined)
endif()
if(ENCORE_COVERAGE)
  # Covers everything, the host executor's kernels too. Atomic, because threads share the counters.
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()

if(ENCORE_TSAN)
  list(APPEND ENCORE_FLAGS -fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  # Tells the sanitizer about OpenMP's barriers and joins; without it every parallel loop looks like a race.
  find_library(ENCORE_ARCHER archer PATHS ${ENCORE_LLVM}/lib REQUIRED)
endif()

# A hash of the headers that a program and the shared objects it opens must have in common. CMake runs again when one of
# them changes.
file(GLOB interface CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/kernels/*.h
     ${CMAKE_SOURCE_DIR}/kernels/base/*.h ${CMAKE_SOURCE_DIR}/kernels/ops/*.h ${CMAKE_SOURCE_DIR}/optim/communicator.h
     ${CMAKE_SOURCE_DIR}/data/select/near/vector_search.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${interface})
set(ENCORE_INTERFACE)
foreach(header ${interface})
  file(SHA256 ${CMAKE_SOURCE_DIR}/${header} hash)
  string(APPEND ENCORE_INTERFACE "${header} ${hash} ")
endforeach()
string(SHA256 ENCORE_INTERFACE "${ENCORE_INTERFACE}")

# encore_unity(TARGET): with ENCORE_UNITY the headers that its sources share, and what these instantiate, are compiled
# once for a dozen of them. The release build keeps a compile for each, and so finds an include that is missing.
function(encore_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${ENCORE_UNITY} UNITY_BUILD_BATCH_SIZE 12)
endfunction()

# encore_library(NAME [FOLDERS folders...] [LINK libraries...]): every .cpp of the current folder and of these folders in
# it (not of others).
function(encore_library name)
  cmake_parse_arguments(ARG "" "" "FOLDERS;LINK" ${ARGN})
  set(patterns *.cpp)
  foreach(folder ${ARG_FOLDERS})
    list(APPEND patterns ${folder}/*.cpp)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  target_compile_options(${name} PRIVATE ${ENCORE_FLAGS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  encore_unity(${name})
endfunction()

# encore_tests(PREFIX LINK libraries...): one executable and one ctest entry for each *_test.cpp of the current folder.
function(encore_tests prefix)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *_test.cpp)
  foreach(source ${sources})
    get_filename_component(stem ${source} NAME_WE)
    set(target ${prefix}_${stem})
    add_executable(${target} ${source})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
    target_compile_definitions(${target} PRIVATE ENCORE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                                 ENCORE_BINARY_DIR="${CMAKE_BINARY_DIR}")
    target_compile_options(${target} PRIVATE ${ENCORE_FLAGS})
    target_link_libraries(${target} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
    add_test(NAME ${prefix}/${stem} COMMAND ${target})
    # As in the programs (train/thread_waiting.h): threads that spin at barriers starve each other.
    set_property(TEST ${prefix}/${stem} APPEND PROPERTY ENVIRONMENT GOMP_SPINCOUNT=1000)
    if(ENCORE_TSAN)
      # oneDNN and libomp are not instrumented, so races within them are ignored. Tests fork.
      set_property(TEST ${prefix}/${stem} APPEND PROPERTY ENVIRONMENT OMP_TOOL_LIBRARIES=${ENCORE_ARCHER}
                   "TSAN_OPTIONS=ignore_noninstrumented_modules=1 die_after_fork=0 halt_on_error=1")
    endif()
  endforeach()
endfunction()
