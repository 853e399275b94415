# What nvcc compiles: libinkfleet_gpu.so, the engine on a GPU, and libinkfleet_cuda_probe.so, its sign of life, which a
# service loads for --device cuda. With INKFLEET_CUDA on, nvcc is taken from CUDACXX, CUDA_HOME, PATH, or from where
# scripts/fetch-nvcc unpacks it. CMake's own CUDA language is not used: its compiler check wants a whole toolkit.

option(INKFLEET_CUDA "Compile the engine on a GPU and its health probe; needs nvcc (scripts/fetch-nvcc)" OFF)
set(INKFLEET_NVCC_VERSION 13.0.88)
# Turing to Blackwell as machine code, and PTX for what comes after.
set(INKFLEET_CUDA_ARCHITECTURES "75;80;86;89;90;100;120" CACHE STRING "CUDA architectures")

if(NOT INKFLEET_CUDA)
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
  message(FATAL_ERROR "nvcc not found. Run scripts/fetch-nvcc, or set CUDACXX, or turn INKFLEET_CUDA off.")
endif()
message(STATUS "nvcc: ${INKFLEET_NVCC}")

set(_targets "")
foreach(_arch IN LISTS INKFLEET_CUDA_ARCHITECTURES)
  list(APPEND _targets -gencode=arch=compute_${_arch},code=sm_${_arch})
endforeach()
list(GET INKFLEET_CUDA_ARCHITECTURES -1 _newest)
list(APPEND _targets -gencode=arch=compute_${_newest},code=compute_${_newest})

get_filename_component(_toolkit ${INKFLEET_NVCC} REALPATH)
get_filename_component(_toolkit ${_toolkit}/../.. ABSOLUTE)
set(INKFLEET_CUDA_LIBRARIES ${_toolkit}/lib64 ${_toolkit}/lib CACHE INTERNAL "folders of CUDA's runtime")
# What it takes to compile one source, wherever in the tree.
set(INKFLEET_NVCC_COMPILE ${INKFLEET_NVCC} -std=c++20 -O3 -Xcompiler -fPIC,-Wall,-Wextra,-Wno-missing-field-initializers
    -I${CMAKE_SOURCE_DIR} CACHE INTERNAL "command")
file(GLOB _headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/model-service/gpu/*.h ${CMAKE_SOURCE_DIR}/model-service/gpu/cuda/*.cuh
     ${CMAKE_SOURCE_DIR}/model-service/gpu/cuda/*.hpp ${CMAKE_SOURCE_DIR}/model-service/gpu/cuda/kernels/*.cuh
     ${CMAKE_SOURCE_DIR}/model-service/health/*_abi.h)
set(INKFLEET_CUDA_HEADERS ${_headers} CACHE INTERNAL "headers")

# cuda_objects(OUTPUTS OPTIONS ... SOURCES ... DEPENDS ...): compiles each source, and puts the objects' names into OUTPUTS.
function(cuda_objects outputs)
  cmake_parse_arguments(ARG "" "" "OPTIONS;SOURCES;DEPENDS" ${ARGN})
  set(objects "")
  foreach(source IN LISTS ARG_SOURCES)
    get_filename_component(name ${source} NAME)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.cuda.o)
    add_custom_command(OUTPUT ${object} COMMAND ${INKFLEET_NVCC_COMPILE} ${ARG_OPTIONS} -c ${source} -o ${object}
                       DEPENDS ${source} ${INKFLEET_CUDA_HEADERS} ${ARG_DEPENDS}
                       COMMENT "nvcc ${name}" COMMAND_EXPAND_LISTS VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${outputs} ${objects} PARENT_SCOPE)
endfunction()

# cuda_library(TARGET NAME SOURCES...): a library of its own, with CUDA's runtime in it, beside the programs.
function(cuda_library target name)
  cuda_objects(objects OPTIONS ${_targets} SOURCES ${ARGN})
  set(library ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${name})
  add_custom_command(OUTPUT ${library}
                     COMMAND ${INKFLEET_NVCC} -shared -cudart static ${_targets} -L${_toolkit}/lib -o ${library} ${objects}
                     DEPENDS ${objects} COMMENT "nvcc ${name}" VERBATIM)
  add_custom_target(${target} ALL DEPENDS ${library})
endfunction()

cuda_library(cuda-probe libinkfleet_cuda_probe.so ${CMAKE_SOURCE_DIR}/model-service/health/cuda_probe.cu)
cuda_library(gpu-library libinkfleet_gpu.so ${INKFLEET_GPU_SOURCES} ${CMAKE_SOURCE_DIR}/model-service/gpu/cuda/load_cublas.cpp)
