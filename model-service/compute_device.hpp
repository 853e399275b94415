#pragma once

#include <filesystem>

#include "model-service/model_flags.hpp"

namespace inkfleet::service {

/// A library that lies beside this program: what nvcc compiles is loaded from there.
std::filesystem::path beside_program(const char* library);

constexpr const char* kGpuLibrary = "libinkfleet_gpu.so";

/// What --device comes to on this machine with this --dtype: "cpu" or "cuda". `auto` is a GPU where the
/// library of the GPU engine is there and finds one, and where it computes in that number format. Throws
/// std::runtime_error with one line when device and number format do not go together.
std::string choose_device(const ModelFlags& flags);

}  // namespace inkfleet::service
