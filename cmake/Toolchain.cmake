# Language level, warnings, sanitizers and ccache: what every target of the project is compiled with.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, RelWithDebInfo or Release" FORCE)
endif()

# Assertions guard our invariants in every build.
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wno-missing-field-initializers)
# GCC 12 takes a coroutine frame's operator new and delete for a mismatched pair once it has inlined one of them.
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)

if(INKFLEET_SANITIZE)
  add_compile_options(-fsanitize=${INKFLEET_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${INKFLEET_SANITIZE})
  # Access to an empty optional, to an element beyond the end, ...: the standard library looks, too.
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
if(INKFLEET_SANITIZE MATCHES "thread")
  # ThreadSanitizer does not know Asio's fences, and GCC says so at each of them.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()
if(INKFLEET_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Includes are written from the root of the tree: #include "tokenizer/bpe.hpp"
include_directories(${CMAKE_SOURCE_DIR})
