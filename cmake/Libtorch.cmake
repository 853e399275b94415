# libtorch, CPU side, as the imported target `libtorch_cpu`.
#
# Looked for in Torch_DIR and CMAKE_PREFIX_PATH (a libtorch of your own), then where scripts/fetch-libtorch
# unpacks the PyPI wheel. TorchConfig.cmake is not used: the wheel's insists on a CUDA toolkit even for the CPU.

set(INKFLEET_LIBTORCH_VERSION 2.13.0)

if(DEFINED ENV{INKFLEET_CACHE})
  set(_cache $ENV{INKFLEET_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(_cache $ENV{XDG_CACHE_HOME}/inkfleet)
else()
  set(_cache $ENV{HOME}/.cache/inkfleet)
endif()

set(_hints "")
if(Torch_DIR) # .../share/cmake/Torch
  get_filename_component(_root ${Torch_DIR}/../../.. ABSOLUTE)
  list(APPEND _hints ${_root})
endif()
foreach(_prefix IN LISTS CMAKE_PREFIX_PATH)
  list(APPEND _hints ${_prefix} ${_prefix}/torch ${_prefix}/../..)
endforeach()
list(APPEND _hints ${_cache}/libtorch-${INKFLEET_LIBTORCH_VERSION})

find_path(LIBTORCH_INCLUDE_DIR ATen/ATen.h HINTS ${_hints} PATH_SUFFIXES include NO_DEFAULT_PATH)
find_library(LIBTORCH_CPU_LIBRARY torch_cpu HINTS ${_hints} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LIBTORCH_C10_LIBRARY c10 HINTS ${_hints} PATH_SUFFIXES lib NO_DEFAULT_PATH)
if(NOT LIBTORCH_INCLUDE_DIR OR NOT LIBTORCH_CPU_LIBRARY OR NOT LIBTORCH_C10_LIBRARY)
  message(FATAL_ERROR "libtorch not found in: ${_hints}\nRun scripts/fetch-libtorch, or point Torch_DIR or "
                      "CMAKE_PREFIX_PATH to a libtorch of at least 2.11.")
endif()

get_filename_component(_libtorch_lib ${LIBTORCH_CPU_LIBRARY} DIRECTORY)
file(STRINGS ${LIBTORCH_INCLUDE_DIR}/torch/headeronly/version.h _numbers REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX MATCHALL "[0-9]+" _numbers "${_numbers}")
list(JOIN _numbers "." _version)
message(STATUS "libtorch ${_version}: ${_libtorch_lib}")
if(_version VERSION_LESS 2.11)
  message(FATAL_ERROR "${_libtorch_lib} is libtorch ${_version}; at least 2.11 is needed")
endif()

add_library(libtorch_cpu INTERFACE)
target_include_directories(libtorch_cpu SYSTEM INTERFACE ${LIBTORCH_INCLUDE_DIR})
target_link_libraries(libtorch_cpu INTERFACE ${LIBTORCH_CPU_LIBRARY} ${LIBTORCH_C10_LIBRARY})
# The wheel's libtorch_cpu.so needs two small CUDA libraries that lie beside it; RUNPATH would not reach them.
target_link_options(libtorch_cpu INTERFACE -Wl,--disable-new-dtags -Wl,-rpath,${_libtorch_lib}
                    -Wl,-rpath-link,${_libtorch_lib})
# at::parallel_for is inline and silently serial without it.
target_compile_options(libtorch_cpu INTERFACE -fopenmp)
target_link_options(libtorch_cpu INTERFACE -fopenmp)
