#include "model-service/health/device_error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <new>
#include <string>

namespace inkfleet::health {
namespace {

using enum ErrorClass;

constexpr int kMemoryAllocation = 2;
constexpr int kUnknown = 999;

// clang-format off
constexpr std::array kErrors = std::to_array<DeviceError>({
    {1, "cudaErrorInvalidValue", "invalid argument", kCall},
    {2, "cudaErrorMemoryAllocation", "out of memory", kOutOfMemory},
    {3, "cudaErrorInitializationError", "initialization error", kUnusable},
    {4, "cudaErrorCudartUnloading", "driver shutting down", kCall},
    {5, "cudaErrorProfilerDisabled", "profiler disabled while using external profiling tool", kCall},
    {9, "cudaErrorInvalidConfiguration", "invalid configuration argument", kCall},
    {12, "cudaErrorInvalidPitchValue", "invalid pitch argument", kCall},
    {13, "cudaErrorInvalidSymbol", "invalid device symbol", kCall},
    {17, "cudaErrorInvalidDevicePointer", "invalid device pointer", kCall},
    {18, "cudaErrorInvalidTexture", "invalid texture reference", kCall},
    {19, "cudaErrorInvalidTextureBinding", "texture is not bound to a pointer", kCall},
    {20, "cudaErrorInvalidChannelDescriptor", "invalid channel descriptor", kCall},
    {21, "cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy", kCall},
    {26, "cudaErrorInvalidFilterSetting", "linear filtering not supported for non-float type", kCall},
    {27, "cudaErrorInvalidNormSetting", "read as normalized float not supported for data type", kCall},
    {34, "cudaErrorStubLibrary", "CUDA driver is a stub library", kUnusable},
    {35, "cudaErrorInsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version", kUnusable},
    {36, "cudaErrorCallRequiresNewerDriver", "API call is not supported in the installed CUDA driver", kUnusable},
    {37, "cudaErrorInvalidSurface", "invalid surface reference", kCall},
    {43, "cudaErrorDuplicateVariableName", "duplicate global variable looked up by string name", kCall},
    {44, "cudaErrorDuplicateTextureName", "duplicate texture looked up by string name", kCall},
    {45, "cudaErrorDuplicateSurfaceName", "duplicate surface looked up by string name", kCall},
    {46, "cudaErrorDevicesUnavailable", "CUDA-capable device(s) is/are busy or unavailable", kDeviceLost},
    {49, "cudaErrorIncompatibleDriverContext", "incompatible driver context", kUnusable},
    {52, "cudaErrorMissingConfiguration", "__global__ function call is not configured", kCall},
    {65, "cudaErrorLaunchMaxDepthExceeded", "launch would exceed maximum depth of nested launches", kCall},
    {66, "cudaErrorLaunchFileScopedTex", "launch failed because kernel uses unsupported, file-scoped textures (texture objects are supported)", kCall},
    {67, "cudaErrorLaunchFileScopedSurf", "launch failed because kernel uses unsupported, file-scoped surfaces (surface objects are supported)", kCall},
    {68, "cudaErrorSyncDepthExceeded", "cudaDeviceSynchronize failed because caller's grid depth exceeds cudaLimitDevRuntimeSyncDepth", kCall},
    {69, "cudaErrorLaunchPendingCountExceeded", "launch failed because launch would exceed cudaLimitDevRuntimePendingLaunchCount", kCall},
    {98, "cudaErrorInvalidDeviceFunction", "invalid device function", kUnusable},
    {100, "cudaErrorNoDevice", "no CUDA-capable device is detected", kUnusable},
    {101, "cudaErrorInvalidDevice", "invalid device ordinal", kUnusable},
    {102, "cudaErrorDeviceNotLicensed", "device doesn't have valid Grid license", kUnusable},
    {103, "cudaErrorSoftwareValidityNotEstablished", "integrity checks failed", kUnusable},
    {127, "cudaErrorStartupFailure", "startup failure in cuda runtime", kUnusable},
    {200, "cudaErrorInvalidKernelImage", "device kernel image is invalid", kUnusable},
    {201, "cudaErrorDeviceUninitialized", "invalid device context", kDeviceLost},
    {205, "cudaErrorMapBufferObjectFailed", "mapping of buffer object failed", kCall},
    {206, "cudaErrorUnmapBufferObjectFailed", "unmapping of buffer object failed", kCall},
    {207, "cudaErrorArrayIsMapped", "array is mapped", kCall},
    {208, "cudaErrorAlreadyMapped", "resource already mapped", kCall},
    {209, "cudaErrorNoKernelImageForDevice", "no kernel image is available for execution on the device", kUnusable},
    {210, "cudaErrorAlreadyAcquired", "resource already acquired", kCall},
    {211, "cudaErrorNotMapped", "resource not mapped", kCall},
    {212, "cudaErrorNotMappedAsArray", "resource not mapped as array", kCall},
    {213, "cudaErrorNotMappedAsPointer", "resource not mapped as pointer", kCall},
    {214, "cudaErrorECCUncorrectable", "uncorrectable ECC error encountered", kHardware},
    {215, "cudaErrorUnsupportedLimit", "limit is not supported on this architecture", kCall},
    {216, "cudaErrorDeviceAlreadyInUse", "exclusive-thread device already in use by a different thread", kUnusable},
    {217, "cudaErrorPeerAccessUnsupported", "peer access is not supported between these two devices", kCall},
    {218, "cudaErrorInvalidPtx", "a PTX JIT compilation failed", kCall},
    {219, "cudaErrorInvalidGraphicsContext", "invalid OpenGL or DirectX context", kCall},
    {220, "cudaErrorNvlinkUncorrectable", "uncorrectable NVLink error detected during the execution", kHardware},
    {221, "cudaErrorJitCompilerNotFound", "PTX JIT compiler library not found", kUnusable},
    {222, "cudaErrorUnsupportedPtxVersion", "the provided PTX was compiled with an unsupported toolchain.", kUnusable},
    {223, "cudaErrorJitCompilationDisabled", "PTX JIT compilation was disabled", kUnusable},
    {224, "cudaErrorUnsupportedExecAffinity", "the provided execution affinity is not supported", kUnusable},
    {225, "cudaErrorUnsupportedDevSideSync", "the provided PTX contains unsupported call to cudaDeviceSynchronize", kCall},
    {226, "cudaErrorContained", "Invalid access of peer GPU memory over nvlink or a hardware error", kContextLost},
    {300, "cudaErrorInvalidSource", "device kernel image is invalid", kCall},
    {301, "cudaErrorFileNotFound", "file not found", kCall},
    {302, "cudaErrorSharedObjectSymbolNotFound", "shared object symbol not found", kCall},
    {303, "cudaErrorSharedObjectInitFailed", "shared object initialization failed", kCall},
    {304, "cudaErrorOperatingSystem", "OS call failed or operation not supported on this OS", kCall},
    {400, "cudaErrorInvalidResourceHandle", "invalid resource handle", kCall},
    {401, "cudaErrorIllegalState", "the operation cannot be performed in the present state", kCall},
    {402, "cudaErrorLossyQuery", "attempted introspection would be semantically lossy", kCall},
    {500, "cudaErrorSymbolNotFound", "named symbol not found", kCall},
    {600, "cudaErrorNotReady", "device not ready", kCall},
    {700, "cudaErrorIllegalAddress", "an illegal memory access was encountered", kContextLost},
    {701, "cudaErrorLaunchOutOfResources", "too many resources requested for launch", kCall},
    {702, "cudaErrorLaunchTimeout", "the launch timed out and was terminated", kContextLost},
    {703, "cudaErrorLaunchIncompatibleTexturing", "launch uses incompatible texturing mode", kCall},
    {704, "cudaErrorPeerAccessAlreadyEnabled", "peer access is already enabled", kCall},
    {705, "cudaErrorPeerAccessNotEnabled", "peer access has not been enabled", kCall},
    {708, "cudaErrorSetOnActiveProcess", "cannot set while device is active in this process", kCall},
    {709, "cudaErrorContextIsDestroyed", "context is destroyed", kDeviceLost},
    {710, "cudaErrorAssert", "device-side assert triggered", kContextLost},
    {711, "cudaErrorTooManyPeers", "peer mapping resources exhausted", kCall},
    {712, "cudaErrorHostMemoryAlreadyRegistered", "part or all of the requested memory range is already mapped", kCall},
    {713, "cudaErrorHostMemoryNotRegistered", "pointer does not correspond to a registered memory region", kCall},
    {714, "cudaErrorHardwareStackError", "hardware stack error", kContextLost},
    {715, "cudaErrorIllegalInstruction", "an illegal instruction was encountered", kContextLost},
    {716, "cudaErrorMisalignedAddress", "misaligned address", kContextLost},
    {717, "cudaErrorInvalidAddressSpace", "operation not supported on global/shared address space", kContextLost},
    {718, "cudaErrorInvalidPc", "invalid program counter", kContextLost},
    {719, "cudaErrorLaunchFailure", "unspecified launch failure", kContextLost},
    {720, "cudaErrorCooperativeLaunchTooLarge", "too many blocks in cooperative launch", kCall},
    {721, "cudaErrorTensorMemoryLeak", "tensor memory not completely freed", kContextLost},
    {800, "cudaErrorNotPermitted", "operation not permitted", kCall},
    {801, "cudaErrorNotSupported", "operation not supported", kCall},
    {802, "cudaErrorSystemNotReady", "system not yet initialized", kUnusable},
    {803, "cudaErrorSystemDriverMismatch", "system has unsupported display driver / cuda driver combination", kUnusable},
    {804, "cudaErrorCompatNotSupportedOnDevice", "forward compatibility was attempted on non supported HW", kUnusable},
    {805, "cudaErrorMpsConnectionFailed", "MPS client failed to connect to the MPS control daemon or the MPS server", kDeviceLost},
    {806, "cudaErrorMpsRpcFailure", "the remote procedural call between the MPS server and the MPS client failed", kDeviceLost},
    {807, "cudaErrorMpsServerNotReady", "MPS server is not ready to accept new MPS client requests", kDeviceLost},
    {808, "cudaErrorMpsMaxClientsReached", "the hardware resources required to create MPS client have been exhausted", kUnusable},
    {809, "cudaErrorMpsMaxConnectionsReached", "the hardware resources required to support device connections have been exhausted", kUnusable},
    {810, "cudaErrorMpsClientTerminated", "the MPS client has been terminated by the server", kDeviceLost},
    {811, "cudaErrorCdpNotSupported", "is using CUDA Dynamic Parallelism, but the current configuration, like MPS, does not support it", kCall},
    {812, "cudaErrorCdpVersionMismatch", "unsupported interaction between different versions of CUDA Dynamic Parallelism", kCall},
    {900, "cudaErrorStreamCaptureUnsupported", "operation not permitted when stream is capturing", kCall},
    {901, "cudaErrorStreamCaptureInvalidated", "operation failed due to a previous error during capture", kCall},
    {902, "cudaErrorStreamCaptureMerge", "operation would result in a merge of separate capture sequences", kCall},
    {903, "cudaErrorStreamCaptureUnmatched", "capture was not ended in the same stream as it began", kCall},
    {904, "cudaErrorStreamCaptureUnjoined", "capturing stream has unjoined work", kCall},
    {905, "cudaErrorStreamCaptureIsolation", "dependency created on uncaptured work in another stream", kCall},
    {906, "cudaErrorStreamCaptureImplicit", "operation would make the legacy stream depend on a capturing blocking stream", kCall},
    {907, "cudaErrorCapturedEvent", "operation not permitted on an event last recorded in a capturing stream", kCall},
    {908, "cudaErrorStreamCaptureWrongThread", "attempt to terminate a thread-local capture sequence from another thread", kCall},
    {909, "cudaErrorTimeout", "wait operation timed out", kCall},
    {910, "cudaErrorGraphExecUpdateFailure", "the graph update was not performed because it included changes which violated constraints specific to instantiated graph update", kCall},
    {911, "cudaErrorExternalDevice", "an async error has occured in external entity outside of CUDA", kContextLost},
    {912, "cudaErrorInvalidClusterSize", "a kernel launch error has occurred due to cluster misconfiguration", kCall},
    {913, "cudaErrorFunctionNotLoaded", "the function handle is not loaded when calling an API that requires a loaded function", kCall},
    {914, "cudaErrorInvalidResourceType", "one or more resources passed in are not valid resource types for the operation", kCall},
    {915, "cudaErrorInvalidResourceConfiguration", "one or more resources are insufficient or non-applicable for the operation", kCall},
    {999, "cudaErrorUnknown", "unknown error", kCall},
});
// clang-format on

bool in_identifier(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// Names begin one another (cudaErrorInvalidDevice, cudaErrorInvalidDevicePointer): the whole word decides.
const DeviceError* find_by_name(std::string_view message) {
  constexpr std::string_view kBeginning = "cudaError";
  for (auto begin = message.find(kBeginning); begin != std::string_view::npos;
       begin = message.find(kBeginning, begin + 1)) {
    const auto rest = message.substr(begin);
    const auto end = std::find_if_not(rest.begin(), rest.end(), in_identifier);
    const auto word = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    const auto* found = std::find_if(kErrors.begin(), kErrors.end(),
                                     [word](const DeviceError& error) { return error.name == word; });
    if (found != kErrors.end()) return found;
  }
  return nullptr;
}

// "invalid argument" and its like say nothing: they are words of everybody.
const DeviceError* find_by_meaning(std::string_view message) {
  const auto* found = std::find_if(kErrors.begin(), kErrors.end(), [message](const DeviceError& error) {
    return is_fatal(error.error_class) && message.find(error.meaning) != std::string_view::npos;
  });
  return found == kErrors.end() ? nullptr : found;
}

bool speaks_of_no_memory(std::string_view message) {
  for (const std::string_view words : {"out of memory", "can't allocate memory", "std::bad_alloc"}) {
    if (message.find(words) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string_view name(ErrorClass error_class) {
  switch (error_class) {
    case kContextLost:
      return "context_lost";
    case kHardware:
      return "hardware";
    case kDeviceLost:
      return "device_lost";
    case kUnusable:
      return "unusable";
    case kOutOfMemory:
      return "out_of_memory";
    case kCall:
      return "call";
  }
  return "call";
}

std::span<const DeviceError> device_errors() {
  return kErrors;
}

const DeviceError& device_error(int code) {
  const auto* found = std::find_if(kErrors.begin(), kErrors.end(),
                                   [code](const DeviceError& error) { return error.code == code; });
  return found == kErrors.end() ? device_error(kUnknown) : *found;
}

const DeviceError& lost_device(int code) {
  static const auto kLost = [] {
    auto errors = kErrors;
    for (auto& error : errors) {
      if (!is_fatal(error.error_class)) error.error_class = kDeviceLost;
    }
    return errors;
  }();
  return kLost.at(static_cast<std::size_t>(&device_error(code) - kErrors.data()));
}

DeviceFailure::DeviceFailure(std::string_view doing, const DeviceError& error)
    : std::runtime_error(std::string(doing) + ": " + std::string(error.name) + ", " +
                         std::string(error.meaning)),
      error_(&error) {}

const DeviceError* find_device_error(std::string_view message) {
  if (const auto* by_name = find_by_name(message)) return by_name;
  if (const auto* by_meaning = find_by_meaning(message)) return by_meaning;
  return speaks_of_no_memory(message) ? &device_error(kMemoryAllocation) : nullptr;
}

const DeviceError* classify(const std::exception& failure) {
  if (const auto* device = dynamic_cast<const DeviceFailure*>(&failure)) return &device->error();
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) return &device_error(kMemoryAllocation);
  return find_device_error(failure.what());
}

}  // namespace inkfleet::health
