# Toolchain of the presets tsan and fuzz: the clang of the Debian release (14 in Debian 12, 19 in Debian 13).
# ENCORE_CLANG_VERSION in the environment asks for another.
foreach(version $ENV{ENCORE_CLANG_VERSION} 14 19)
  find_program(ENCORE_CLANGXX_${version} clang++-${version})
  if(ENCORE_CLANGXX_${version})
    set(CMAKE_C_COMPILER clang-${version})
    set(CMAKE_CXX_COMPILER clang++-${version})
    set(ENCORE_LLVM /usr/lib/llvm-${version})
    break()
  endif()
endforeach()
if(NOT CMAKE_CXX_COMPILER)
  message(FATAL_ERROR "no clang here: apt-get install clang (14 in Debian 12, 19 in Debian 13)")
endif()
