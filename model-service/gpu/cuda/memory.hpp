// What is taken of a device, given back with the object. All throw Failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "model-service/gpu/cuda/errors.hpp"

namespace inkfleet::gpu {

/// `count` elements in the device's memory, or, pinned, in that of the host, from where copies need not wait.
template <class Element, cudaError_t (*kTake)(void**, std::size_t), cudaError_t (*kGiveBack)(void*)>
class Array {
 public:
  Array() = default;
  explicit Array(std::int64_t count) : count_(count) {
    void* taken = nullptr;
    check(kTake(&taken, static_cast<std::size_t>(bytes())));
    first_ = static_cast<Element*>(taken);
  }
  ~Array() { static_cast<void>(kGiveBack(first_)); }
  Array(Array&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(count_, other.count_);
    return *this;
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  [[nodiscard]] Element* data() const { return first_; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::int64_t bytes() const { return count_ * static_cast<std::int64_t>(sizeof(Element)); }

 private:
  Element* first_ = nullptr;
  std::int64_t count_ = 0;
};

inline cudaError_t take_device_memory(void** memory, std::size_t bytes) {
  return cudaMalloc(memory, bytes);
}
inline cudaError_t take_pinned_memory(void** memory, std::size_t bytes) {
  return cudaMallocHost(memory, bytes);
}

template <class Element>
using DeviceArray = Array<Element, take_device_memory, cudaFree>;
template <class Element>
using PinnedArray = Array<Element, take_pinned_memory, cudaFreeHost>;

/// Zeros, so that what no step has written yet is no NaN.
template <class Element>
DeviceArray<Element> zeroed(std::int64_t count, cudaStream_t stream) {
  DeviceArray<Element> array(count);
  check(cudaMemsetAsync(array.data(), 0, static_cast<std::size_t>(array.bytes()), stream));
  return array;
}

class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator cudaStream_t() const { return stream_; }
  void wait() const { check(cudaStreamSynchronize(stream_)); }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { static_cast<void>(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(cudaStream_t stream) const { check(cudaEventRecord(event_, stream)); }
  void wait() const { check(cudaEventSynchronize(event_)); }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace inkfleet::gpu
