#pragma once

#include <exception>
#include <span>
#include <stdexcept>
#include <string_view>

/// What an error of the device means for a service. Pure.
namespace inkfleet::health {

/// What can be done after an error, from worst to mildest.
enum class ErrorClass {
  kContextLost,  ///< every further call fails too; only a new process can use the device again
  kHardware,     ///< memory or a link is broken; the process is over, and perhaps the machine
  kDeviceLost,   ///< the device, or the server that shares it, went away from this process
  kUnusable,     ///< the machine is not set up for it: driver, licence, architecture; no restart cures that
  kOutOfMemory,  ///< this piece of work was too large for what is free
  kCall,         ///< this call failed; the device is well
};

/// As metrics say it: "context_lost", "hardware", ...
std::string_view name(ErrorClass error_class);

/// After it, nothing this process does on the device can succeed.
constexpr bool is_fatal(ErrorClass error_class) {
  return error_class <= ErrorClass::kDeviceLost;
}

/// A row of the one table. Rows are static: pointers to them stay valid and name an error.
struct DeviceError {
  int code;                  ///< a cudaError_t
  std::string_view name;     ///< cudaGetErrorName()
  std::string_view meaning;  ///< NVIDIA's words: cudaGetErrorString()
  ErrorClass error_class;
};

/// Every cudaError_t that CUDA 13.0 can return, in ascending order of code. Classes are as the comments of
/// its driver_types.h have them: "the process must be terminated and relaunched" is fatal.
std::span<const DeviceError> device_errors();

/// The row of a code; for one the table lacks, that of cudaErrorUnknown.
const DeviceError& device_error(int code);

/// The same for a device that this process lost at it, however mild the error is elsewhere.
const DeviceError& lost_device(int code);

/// What code throws that had the error from the device itself.
class DeviceFailure : public std::runtime_error {
 public:
  DeviceFailure(std::string_view doing, const DeviceError& error);

  [[nodiscard]] const DeviceError& error() const { return *error_; }

 private:
  const DeviceError* error_;
};

/// What a message is about, by the name in it, else by NVIDIA's words for an error of weight, else by what
/// allocators say when there is no memory. Null when it speaks of no device error.
const DeviceError* find_device_error(std::string_view message);

/// What an exception of a step or a probe means; null when it is none of the device.
const DeviceError* classify(const std::exception& failure);

}  // namespace inkfleet::health
