#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every limit and default of the wire contract, each named once.
namespace inkfleet::proto {

struct IntRange {
  std::int64_t min, max;
};
struct RealRange {
  double min, max;
};
struct SizeRange {
  std::size_t min, max;
};

namespace limits {

inline constexpr std::size_t kKiB = 1024;

// Sizes of what arrives.
inline constexpr std::size_t kEditorFrameBytes = 64 * kKiB;
inline constexpr std::size_t kServiceFrameBytes = 256 * kKiB;
inline constexpr std::size_t kHttpBodyBytes = 1024 * kKiB;
inline constexpr std::size_t kHttpHeaderBytes = 16 * kKiB;
inline constexpr SizeRange kApiKeyBytes{16, 256};

// Fields of `suggest` and its kin.
inline constexpr std::size_t kIdBytes = 64;
inline constexpr std::size_t kDocumentBytes = 128;
inline constexpr std::size_t kClientBytes = 64;
inline constexpr std::size_t kPromptIds = 4096;
inline constexpr IntRange kSuggestions{1, 32};
inline constexpr IntRange kMaxTokens{1, 1024};
inline constexpr RealRange kTemperature{0.0, 2.0};
inline constexpr RealRange kTopP{0.0, 1.0};
inline constexpr IntRange kSeed{0, (std::int64_t{1} << 53) - 1};
inline constexpr std::size_t kStopStrings = 4;
inline constexpr std::size_t kStopBytes = 64;
inline constexpr IntRange kLogprobs{0, 5};
inline constexpr IntRange kDeadlineMs{100, 600'000};

// What one request of the OpenAI-compatible door may hold.
inline constexpr std::size_t kCompletionPrompts = 32;
inline constexpr std::size_t kCompletionChoices = 128;
inline constexpr std::size_t kCompletionPromptBytes = 64 * kKiB;  ///< of one prompt as JSON
inline constexpr std::size_t kCompletionLogprobs = 16'384;  ///< tokens of an answer, when they are asked for

// Behaviour of a connection.
inline constexpr std::size_t kLiveRequestsPerEditor = 16;
inline constexpr std::size_t kConnectionsPerAddress = 100;
inline constexpr std::size_t kConnections = 10'000;
/// Connections beyond kConnections that get one answer each, so that a full server can say that it is well.
inline constexpr std::size_t kSpareConnections = 32;
inline constexpr std::size_t kQueuedRequests = 256;
inline constexpr std::chrono::seconds kPingInterval{20};
inline constexpr std::chrono::seconds kIdleClose{60};
inline constexpr std::chrono::seconds kHandshake{
    10};  ///< from a connection's first moment, or a request's first byte
inline constexpr std::chrono::seconds kHttpBody{30};
inline constexpr std::chrono::seconds kKeepAlive{60};
inline constexpr std::size_t kWaitingOutputBytes = 256 * kKiB;
inline constexpr std::chrono::seconds kStuckReader{30};
inline constexpr std::chrono::seconds kRetryAfter{1};

}  // namespace limits
}  // namespace inkfleet::proto
