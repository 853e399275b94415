# libinkfleet_cuda_probe.so, which a service loads for --device cuda: the one part that nvcc compiles. With
# INKFLEET_CUDA_PROBE on, nvcc is taken from CUDACXX, CUDA_HOME, PATH, or from where scripts/fetch-nvcc unpacks it.
# CMake's own CUDA language is not used: its compiler check wants a whole toolkit.

option(INKFLEET_CUDA_PROBE "Compile the CUDA health probe; needs nvcc (scripts/fetch-nvcc)" OFF)
set(INKFLEET_NVCC_VERSION 13.0.88)
# Turing to Blackwell as machine code, and PTX for what comes after.
set(INKFLEET_CUDA_ARCHITECTURES "75;80;86;89;90;100;120" CACHE STRING "CUDA architectures of the probe")

if(NOT INKFLEET_CUDA_PROBE)
  return()
endif()

if(DEFINED ENV{INKFLEET_CACHE})
  set(_cache $ENV{INKFLEET_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(_cache $ENV{XDG_CACHE_HOME}/inkfleet)
else()
  set(_cache $ENV{HOME}/.cache/inkfleet)
endif()
if(EXISTS "$ENV{CUDACXX}")
  set(INKFLEET_NVCC $ENV{CUDACXX} CACHE FILEPATH "nvcc")
endif()
find_program(INKFLEET_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin
             PATHS ${_cache}/nvcc-${INKFLEET_NVCC_VERSION}/bin /usr/local/cuda/bin)
if(NOT INKFLEET_NVCC)
  message(FATAL_ERROR "nvcc not found. Run scripts/fetch-nvcc, or set CUDACXX, or turn INKFLEET_CUDA_PROBE off.")
endif()
message(STATUS "nvcc: ${INKFLEET_NVCC}")

set(_targets "")
foreach(_arch IN LISTS INKFLEET_CUDA_ARCHITECTURES)
  list(APPEND _targets -gencode=arch=compute_${_arch},code=sm_${_arch})
endforeach()
list(GET INKFLEET_CUDA_ARCHITECTURES -1 _newest)
list(APPEND _targets -gencode=arch=compute_${_newest},code=compute_${_newest})

get_filename_component(_toolkit ${INKFLEET_NVCC} DIRECTORY)
set(INKFLEET_CUDA_PROBE_LIBRARY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/libinkfleet_cuda_probe.so)
add_custom_command(
  OUTPUT ${INKFLEET_CUDA_PROBE_LIBRARY}
  COMMAND ${INKFLEET_NVCC} -std=c++17 -O2 -shared -Xcompiler -fPIC,-Wall,-Wextra -cudart static ${_targets}
          -I${CMAKE_SOURCE_DIR} -L${_toolkit}/../lib -o ${INKFLEET_CUDA_PROBE_LIBRARY}
          ${CMAKE_SOURCE_DIR}/model-service/health/cuda_probe.cu
  DEPENDS ${CMAKE_SOURCE_DIR}/model-service/health/cuda_probe.cu
          ${CMAKE_SOURCE_DIR}/model-service/health/cuda_probe_abi.h
  COMMENT "nvcc ${INKFLEET_CUDA_PROBE_LIBRARY}"
  VERBATIM)
add_custom_target(cuda-probe ALL DEPENDS ${INKFLEET_CUDA_PROBE_LIBRARY})
