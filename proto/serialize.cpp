#include "proto/serialize.hpp"

#include <charconv>
#include <cmath>
#include <concepts>
#include <string_view>

#include "proto/error_code.hpp"
#include "proto/json.hpp"

// Written by hand rather than through a JSON tree: a busy service writes thousands of deltas a second.
namespace inkfleet::proto {
namespace {

void append(std::string& out, std::integral auto value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append(std::string& out, bool value) {
  out += value ? "true" : "false";
}

/// The shortest digits that read back as the same number; JSON has no infinities, they are null, and what
/// would be written -0 is read as a whole number, which has no sign then.
void append(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value == 0.0 ? 0.0 : value).ptr);
}

void append(std::string& out, std::string_view value) {
  append_json_string(out, value);
}

/// Appends items between brackets, each by `item(out, value)`.
template <typename Range, typename Item>
void append_list(std::string& out, const Range& values, Item item) {
  out += '[';
  bool first = true;
  for (const auto& value : values) {
    if (!first) out += ',';
    first = false;
    item(out, value);
  }
  out += ']';
}

constexpr auto kAppendItem = [](std::string& out, const auto& value) { append(out, value); };

/// Writes one JSON object to the end of a string; names are ours and need no escapes.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ObjectWriter(std::string& out, std::string_view type) : ObjectWriter(out) { field("type", type); }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;
  ~ObjectWriter() { out_ += '}'; }

  template <typename T>
  ObjectWriter& field(std::string_view name, const T& value) {
    append(key(name), value);
    return *this;
  }

  template <typename T>
  ObjectWriter& optional(std::string_view name, const std::optional<T>& value) {
    return value ? field(name, *value) : *this;
  }

  /// Writes the name; the caller appends the value.
  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_resume_point(std::string& out, const ResumePoint& point) {
  ObjectWriter writer(out);
  writer.field("index", point.index);
  append_list(writer.key("tokens"), point.tokens, kAppendItem);
}

void append_logprob(std::string& out, const TokenLogprob& token) {
  ObjectWriter writer(out);
  writer.field("logprob", token.logprob);
  append_list(writer.key("top"), token.top,
              [](std::string& out, const std::pair<TokenId, double>& alternative) {
                out += '[';
                append(out, alternative.first);
                out += ',';
                append(out, alternative.second);
                out += ']';
              });
  if (token.text.empty() && token.top_texts.empty()) return;
  writer.field("text", token.text);
  append_list(writer.key("top_texts"), token.top_texts, kAppendItem);
}

void append_usage(std::string& out, const Usage& usage) {
  ObjectWriter(out)
      .field("prompt_tokens", usage.prompt_tokens)
      .field("cached_tokens", usage.cached_tokens)
      .field("completion_tokens", usage.completion_tokens);
}

void append_timing(std::string& out, const Timing& timing) {
  ObjectWriter(out)
      .field("queue", timing.queue)
      .field("prefill", timing.prefill)
      .field("decode", timing.decode);
}

void append_engine(std::string& out, const Engine& engine) {
  ObjectWriter(out)
      .field("version", engine.version)
      .field("device", engine.device)
      .field("dtype", engine.dtype)
      .field("instruction_set", engine.instruction_set);
}

void append_receipt(std::string& out, const Receipt& receipt) {
  ObjectWriter writer(out);
  writer.field("model", receipt.model).field("weights", receipt.weights);
  append_engine(writer.key("engine"), receipt.engine);
  writer.field("seed", receipt.seed);
}

void append_frame(std::string& out, const Suggest& frame) {
  ObjectWriter writer(out, "suggest");
  writer.field("id", frame.id);
  if (frame.prompt_ids) {
    append_list(writer.key("prompt_ids"), *frame.prompt_ids, kAppendItem);
  } else {
    writer.field("prompt", frame.prompt);
  }
  writer.optional("document", frame.document)
      .optional("client", frame.client)
      .field("n", frame.n)
      .field("max_tokens", frame.max_tokens)
      .field("temperature", frame.temperature)
      .field("top_k", frame.top_k)
      .field("top_p", frame.top_p)
      .optional("seed", frame.seed);
  if (!frame.stop.empty()) append_list(writer.key("stop"), frame.stop, kAppendItem);
  writer.optional("logprobs", frame.logprobs).field("deadline_ms", frame.deadline.count());
  if (frame.heal) writer.field("heal", true);
  writer.optional("traceparent", frame.traceparent);
  if (frame.resume) append_list(writer.key("resume"), *frame.resume, append_resume_point);
}

void append_frame(std::string& out, const Cancel& frame) {
  ObjectWriter(out, "cancel").field("id", frame.id).optional("index", frame.index);
}

void append_frame(std::string& out, const Prefill& frame) {
  ObjectWriter(out, "prefill")
      .field("document", frame.document)
      .field("prompt", frame.prompt)
      .optional("id", frame.id);
}

void append_frame(std::string& out, const Accept& frame) {
  ObjectWriter(out, "accept").field("id", frame.id).field("index", frame.index).field("tokens", frame.tokens);
}

void append_frame(std::string& out, const Queued& frame) {
  ObjectWriter(out, "queued").field("id", frame.id).field("position", frame.position);
}

void append_frame(std::string& out, const Started& frame) {
  ObjectWriter(out, "started")
      .field("id", frame.id)
      .field("model", frame.model)
      .field("seed", frame.seed)
      .field("exact", frame.exact)
      .field("prompt_tokens", frame.prompt_tokens)
      .field("cached_tokens", frame.cached_tokens)
      .field("dropped_tokens", frame.dropped_tokens)
      .optional("prompt", frame.prompt);
}

void append_frame(std::string& out, const Delta& frame) {
  ObjectWriter writer(out, "delta");
  writer.field("id", frame.id)
      .field("index", frame.index)
      .field("offset", frame.offset)
      .field("text", frame.text);
  append_list(writer.key("tokens"), frame.tokens, kAppendItem);
  if (!frame.logprobs.empty()) append_list(writer.key("logprobs"), frame.logprobs, append_logprob);
}

void append_frame(std::string& out, const Finished& frame) {
  ObjectWriter(out, "finished")
      .field("id", frame.id)
      .field("index", frame.index)
      .field("reason", name(frame.reason));
}

void append_frame(std::string& out, const Completed& frame) {
  ObjectWriter writer(out, "completed");
  writer.field("id", frame.id);
  append_usage(writer.key("usage"), frame.usage);
  append_timing(writer.key("timing_ms"), frame.timing);
  append_receipt(writer.key("receipt"), frame.receipt);
}

void append_frame(std::string& out, const Prefilled& frame) {
  ObjectWriter(out, "prefilled")
      .field("document", frame.document)
      .optional("id", frame.id)
      .field("prompt_tokens", frame.prompt_tokens)
      .field("cached_tokens", frame.cached_tokens);
}

void append_frame(std::string& out, const Error& frame) {
  ObjectWriter writer(out, "error");
  writer.field("code", name(frame.code))
      .field("message", frame.message)
      .optional("id", frame.id)
      .optional("frame", frame.frame)
      .optional("field", frame.field);
  if (frame.retry_after) writer.field("retry_after_ms", frame.retry_after->count());
}

template <typename Frame>
std::string written(const Frame& frame) {
  std::string out;
  std::visit([&](const auto& alternative) { append_frame(out, alternative); }, frame);
  return out;
}

}  // namespace

std::string to_json(const ServerFrame& frame) {
  return written(frame);
}

std::string to_json(const ClientFrame& frame) {
  return written(frame);
}

}  // namespace inkfleet::proto
