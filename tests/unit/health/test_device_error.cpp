#include <gmock/gmock.h>

#include <new>
#include <set>
#include <stdexcept>

#include "model-service/health/device_error.hpp"

namespace inkfleet::health {
namespace {

using enum ErrorClass;

TEST(DeviceErrors, AreEachThereOnceInOrder) {
  std::set<std::string_view> names;
  int last = 0;
  for (const auto& error : device_errors()) {
    EXPECT_GT(error.code, last);
    EXPECT_TRUE(names.insert(error.name).second) << error.name;
    EXPECT_TRUE(error.name.starts_with("cudaError"));
    EXPECT_FALSE(error.meaning.empty());
    last = error.code;
  }
}

// Of CUDA 13.0's driver_types.h: all codes whose comment says that the process must be terminated and
// relaunched. Break: make any of them kCall.
TEST(DeviceErrors, WhatNvidiaSaysEndsTheProcessIsFatal) {
  for (const int code : {226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911}) {
    EXPECT_TRUE(is_fatal(device_error(code).error_class)) << device_error(code).name;
  }
}

TEST(DeviceErrors, HaveTheClassOfWhatCanBeDone) {
  struct Case {
    int code;
    ErrorClass expected;
  };
  for (const auto& [code, expected] : std::initializer_list<Case>{{2, kOutOfMemory},
                                                                  {1, kCall},
                                                                  {600, kCall},
                                                                  {701, kCall},
                                                                  {900, kCall},
                                                                  {35, kUnusable},
                                                                  {100, kUnusable},
                                                                  {209, kUnusable},
                                                                  {46, kDeviceLost},
                                                                  {201, kDeviceLost},
                                                                  {806, kDeviceLost},
                                                                  {214, kHardware},
                                                                  {220, kHardware},
                                                                  {700, kContextLost}}) {
    EXPECT_EQ(device_error(code).error_class, expected) << device_error(code).name;
  }
  EXPECT_FALSE(is_fatal(kUnusable));
  EXPECT_FALSE(is_fatal(kOutOfMemory));
}

TEST(DeviceErrors, ACodeOfTheFutureIsUnknown) {
  EXPECT_EQ(device_error(12345).name, "cudaErrorUnknown");
  EXPECT_EQ(device_error(12345).error_class, kCall);
}

// Break: look for each name of the table in the message, and cudaErrorInvalidTextureBinding is found to be
// cudaErrorInvalidTexture.
TEST(DeviceErrors, AreFoundInMessages) {
  struct Case {
    const char* message;
    int code;
  };
  for (const auto& [message, code] : std::initializer_list<Case>{
           {"CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be "
            "asynchronously "
            "reported at some other API call, so the stacktrace below might be incorrect.",
            700},
           {"cudaErrorInvalidTextureBinding in a copy", 19},
           {"call failed with cudaErrorECCUncorrectable (214)", 214},
           {"CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.6 GiB", 2},
           {"[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you "
            "tried "
            "to allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)",
            2},
           {"CUDA error: unspecified launch failure", 719}}) {
    const auto* const found = classify(std::runtime_error(message));
    ASSERT_NE(found, nullptr) << message;
    EXPECT_EQ(found->code, code) << message;
  }
  EXPECT_EQ(classify(std::bad_alloc())->error_class, kOutOfMemory);
}

// Break: let lost_device() keep the class of a mild error, or change that of a worse one.
TEST(DeviceErrors, OfADeviceThatIsLostAreFatal) {
  for (const auto& error : device_errors()) {
    const auto& lost = lost_device(error.code);
    EXPECT_EQ(lost.code, error.code);
    EXPECT_EQ(lost.error_class, is_fatal(error.error_class) ? error.error_class : kDeviceLost) << error.name;
    EXPECT_EQ(classify(DeviceFailure("a step", lost)), &lost);
  }
  EXPECT_STREQ(DeviceFailure("a step", lost_device(1)).what(),
               "a step: cudaErrorInvalidValue, invalid argument");
}

TEST(DeviceErrors, OrdinaryFailuresAreNone) {
  for (const char* message : {"invalid argument", "file not found", "cudaErrorOfNobody", ""}) {
    EXPECT_EQ(classify(std::runtime_error(message)), nullptr) << message;
  }
}

}  // namespace
}  // namespace inkfleet::health
