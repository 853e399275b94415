#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// The frames of the wire protocol as C++ types. Parsing and writing them is proto/parse.hpp and
/// proto/serialize.hpp; values that came through the parser are within proto/limits.hpp.
namespace inkfleet::proto {

/// Index into a model's vocabulary.
using TokenId = std::int32_t;

// ---- client to server ----------------------------------------------------------------------------------

/// Where one suggestion of an interrupted request stood: its index and the tokens already produced.
struct ResumePoint {
  int index = 0;
  std::vector<TokenId> tokens;
};

struct Suggest {
  std::string id;
  std::string prompt;
  std::optional<std::vector<TokenId>> prompt_ids;  ///< the prompt as tokens, in place of its text
  std::optional<std::string> document;
  std::optional<std::string> client;  ///< on whose behalf a gateway asks: who shares the service fairly
  int n = 1;
  int max_tokens = 40;
  double temperature = 0.7;  ///< 0 is greedy
  int top_k = 0;             ///< 0 is off
  double top_p = 0.0;        ///< 0 and 1 are off
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
  std::optional<int> logprobs;  ///< number of alternatives; absent is off
  std::chrono::milliseconds deadline{60'000};
  bool heal = false;
  std::optional<std::string> traceparent{};        ///< W3C: the trace it belongs to; well-formed
  std::optional<std::vector<ResumePoint>> resume;  ///< present: exactly these indices are produced
};

struct Cancel {
  std::string id;
  std::optional<int> index;  ///< absent: all suggestions
};

struct Prefill {
  std::string document;
  std::string prompt;
  std::optional<std::string> id;
};

struct Accept {
  std::string id;
  int index = 0;
  int tokens = 0;
};

using ClientFrame = std::variant<Suggest, Cancel, Prefill, Accept>;

// ---- server to client ----------------------------------------------------------------------------------

struct Queued {
  std::string id;
  int position = 0;  ///< requests ahead of this one
};

struct Started {
  std::string id;
  std::string model;
  std::uint64_t seed = 0;
  bool exact = false;
  int prompt_tokens = 0;
  int cached_tokens = 0;
  int dropped_tokens = 0;
  std::optional<std::string> prompt{};  ///< what the `prompt_ids` of a request spell
};

/// Log-probabilities of one sampled token: natural logarithms under the model's own distribution, before
/// temperature, top_k and top_p.
struct TokenLogprob {
  double logprob = 0;
  std::vector<std::pair<TokenId, double>> top;  ///< the most probable alternatives, best first
  std::string text{};                           ///< of the token, as docs/protocol.md says
  std::vector<std::string> top_texts{};         ///< one for each of `top`
};

struct Delta {
  std::string id;
  int index = 0;
  int offset = 0;  ///< tokens already sent for this suggestion
  std::string text;
  std::vector<TokenId> tokens;
  std::vector<TokenLogprob> logprobs;  ///< one a token when asked for, else empty
};

enum class FinishReason { kLength, kStop, kEndOfText, kCancelled, kDeadline, kFailed };

struct Finished {
  std::string id;
  int index = 0;
  FinishReason reason = FinishReason::kLength;
};

struct Usage {
  int prompt_tokens = 0;
  int cached_tokens = 0;
  int completion_tokens = 0;
};

/// Milliseconds, as the wire has them.
struct Timing {
  double queue = 0;
  double prefill = 0;
  double decode = 0;
};

/// What produced the bytes, precisely enough to produce them again.
struct Engine {
  std::string version;
  std::string device;
  std::string dtype;
  std::string instruction_set;
};

struct Receipt {
  std::string model;
  std::string weights;  ///< content hash, "sha256:..."
  Engine engine;
  std::uint64_t seed = 0;
};

struct Completed {
  std::string id;
  Usage usage;
  Timing timing;
  Receipt receipt;
};

struct Prefilled {
  std::string document;
  std::optional<std::string> id;
  int prompt_tokens = 0;
  int cached_tokens = 0;
};

enum class ErrorCode {
  kBadRequest,
  kTooLarge,
  kUnknownModel,
  kUnauthorized,
  kOverloaded,
  kUnavailable,
  kDeadline,
  kInternal,
};

/// With `id`, ends that request. With `frame` instead, is about a frame that ends no request.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::optional<std::string> id;
  std::optional<std::string> frame;
  std::optional<std::string> field;
  std::optional<std::chrono::milliseconds> retry_after;
};

using ServerFrame = std::variant<Queued, Started, Delta, Finished, Completed, Prefilled, Error>;

}  // namespace inkfleet::proto
