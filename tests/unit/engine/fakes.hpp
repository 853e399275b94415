#pragma once

#include <gmock/gmock.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "model-service/engine/scheduler.hpp"

namespace inkfleet::engine::testing {

/// Token 0 to 255 is that byte; 256 is the end of text; further tokens are given words.
class ByteTokenizer : public tokenizer::Tokenizer {
 public:
  explicit ByteTokenizer(std::vector<std::string> words = {}) {
    for (int byte = 0; byte < 256; ++byte) bytes_.emplace_back(1, static_cast<char>(byte));
    bytes_.emplace_back();
    for (auto& word : words) bytes_.push_back(std::move(word));
  }
  int vocab_size() const override { return static_cast<int>(bytes_.size()); }
  std::vector<TokenId> encode(std::string_view text) const override {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string_view token_bytes(TokenId id) const override { return bytes_.at(static_cast<std::size_t>(id)); }
  TokenId special_token(std::string_view text) const override { return text == "<|endoftext|>" ? 256 : -1; }

 private:
  std::vector<std::string> bytes_;
};

/// A model whose memory is its key-value cache: it remembers tokens in the blocks it is given, reads the
/// whole text so far back out of them, and makes logits of that text alone. So a wrong block, position, copy
/// or share changes what is generated. Counts what it was asked to compute.
class RememberingModel : public StepModel {
 public:
  explicit RememberingModel(ModelShape shape)
      : shape_(shape), cache_(static_cast<std::size_t>(shape.kv_blocks * shape.block_tokens), -1) {}

  const ModelShape& shape() const override { return shape_; }

  StepResult step(std::span<const StepSlice> slices) override {
    if (fail_next) {
      fail_next = false;
      throw std::runtime_error("a fault of the test");
    }
    if (before_step) before_step();
    ++steps;
    logits_.clear();
    drawn_.clear();
    std::set<std::size_t> written;
    for (const auto& slice : slices) write(slice, written);
    for (const auto& slice : slices) {
      if (!slice.wants_logits) continue;
      append_logits(slice);
      if (draws && !slice.draws.empty()) draw(slice);
    }
    logits_rows += static_cast<int>(logits_.size()) / shape_.vocab_size;
    return {.logits = logits_, .drawn = drawn_};
  }

  void copy_block(BlockId from, BlockId to) override {
    for (int i = 0; i < shape_.block_tokens; ++i) cache_.at(cell(to, i)) = cache_.at(cell(from, i));
  }

  int steps = 0;
  int rows = 0;
  int largest_step = 0;
  bool draws = false;   ///< itself, as a device does
  int logits_rows = 0;  ///< given to the host
  bool fail_next = false;
  std::function<void()> before_step;  ///< lets a test hold the engine thread

 private:
  std::size_t cell(BlockId block, int offset) const {
    return static_cast<std::size_t>(block * shape_.block_tokens + offset);
  }

  void write(const StepSlice& slice, std::set<std::size_t>& written) {
    const int end = slice.first_position + static_cast<int>(slice.tokens.size());
    if (slice.tokens.empty() || end > shape_.context_length)
      throw std::logic_error("slice beyond the context");
    if (static_cast<int>(slice.blocks.size()) * shape_.block_tokens < end)
      throw std::logic_error("blocks missing");
    for (int position = slice.first_position; position < end; ++position) {
      const auto at = cell(slice.blocks[static_cast<std::size_t>(position / shape_.block_tokens)],
                           position % shape_.block_tokens);
      if (!written.insert(at).second) throw std::logic_error("two slices write the same place");
      cache_.at(at) = slice.tokens[static_cast<std::size_t>(position - slice.first_position)];
    }
    rows += static_cast<int>(slice.tokens.size());
    largest_step = std::max(largest_step, static_cast<int>(written.size()));
  }

  void append_logits(const StepSlice& slice) {
    std::uint64_t hash = 14695981039346656037U;
    const int end = slice.first_position + static_cast<int>(slice.tokens.size());
    for (int position = 0; position < end; ++position) {
      const auto token =
          cache_.at(cell(slice.blocks[static_cast<std::size_t>(position / shape_.block_tokens)],
                         position % shape_.block_tokens));
      hash = (hash ^ static_cast<std::uint64_t>(token + 1)) * 1099511628211U;
    }
    for (int id = 0; id < shape_.vocab_size; ++id) {
      hash = hash * 6364136223846793005U + 1442695040888963407U;
      const bool letter = (id >= 'a' && id <= 'z') || id == ' ';
      logits_.push_back(static_cast<float>(hash >> 40U) / 4e6F + (letter ? 4.0F : 0.0F));
    }
  }

  void draw(const StepSlice& slice) {
    const auto vocabulary = static_cast<std::size_t>(shape_.vocab_size);
    const auto row = std::span(logits_).last(vocabulary);
    for (const auto& [parameters, uniform] : slice.draws) {
      drawn_.push_back(sampler_.sample(row, parameters, uniform));
    }
    logits_.resize(logits_.size() - vocabulary);
  }

  ModelShape shape_;
  std::vector<TokenId> cache_;
  std::vector<float> logits_;
  std::vector<TokenId> drawn_;
  Sampler sampler_;
};

class CountingObserver : public Observer {
 public:
  void on_first_token(std::chrono::nanoseconds) override { ++first_tokens; }
  void on_next_token(std::chrono::nanoseconds) override { ++next_tokens; }
  void on_step(int prefill, int decode) override {
    prefill_rows += prefill;
    decode_rows += decode;
  }
  void on_cancelled(int steps) override { cancelled.push_back(steps); }
  void on_completed(const proto::Usage&) override { ++completed; }
  void on_failed(proto::ErrorCode) override { ++failed; }

  int first_tokens = 0, next_tokens = 0, prefill_rows = 0, decode_rows = 0, completed = 0, failed = 0;
  std::vector<int> cancelled;  ///< steps after the order
};

/// Everything a client was told about one request, with the contract's rules checked as frames come in.
struct Transcript {
  struct Text {
    std::string text;
    std::vector<TokenId> tokens;
    std::optional<std::size_t> offset;  ///< of the first delta
    std::vector<proto::FinishReason> finished;
  };
  std::map<int, Text> suggestions;
  std::vector<proto::Started> started;
  std::vector<proto::Completed> completed;
  std::vector<proto::Error> errors;
  std::vector<proto::Queued> queued;
  std::vector<proto::Prefilled> prefilled;

  bool ended() const { return completed.size() + errors.size() + prefilled.size() > 0; }

  void add(const proto::ServerFrame& frame) {
    EXPECT_FALSE(ended()) << "a frame after the end";
    if (const auto* delta = std::get_if<proto::Delta>(&frame)) {
      auto& suggestion = suggestions[delta->index];
      EXPECT_TRUE(suggestion.finished.empty()) << "text after the end of a suggestion";
      const auto offset = static_cast<std::size_t>(delta->offset);
      if (!suggestion.offset) suggestion.offset = offset;
      EXPECT_EQ(offset, *suggestion.offset + suggestion.tokens.size()) << "a gap or an overlap";
      suggestion.text += delta->text;
      suggestion.tokens.insert(suggestion.tokens.end(), delta->tokens.begin(), delta->tokens.end());
    } else if (const auto* finished = std::get_if<proto::Finished>(&frame)) {
      suggestions[finished->index].finished.push_back(finished->reason);
      EXPECT_EQ(suggestions[finished->index].finished.size(), 1U) << "a suggestion ended twice";
    } else if (const auto* start = std::get_if<proto::Started>(&frame)) {
      started.push_back(*start);
    } else if (const auto* completion = std::get_if<proto::Completed>(&frame)) {
      completed.push_back(*completion);
    } else if (const auto* error = std::get_if<proto::Error>(&frame)) {
      errors.push_back(*error);
    } else if (const auto* wait = std::get_if<proto::Queued>(&frame)) {
      queued.push_back(*wait);
    } else if (const auto* warm = std::get_if<proto::Prefilled>(&frame)) {
      prefilled.push_back(*warm);
    }
  }
};

inline void expect_same_texts(const std::map<RequestKey, Transcript>& found,
                              const std::map<RequestKey, Transcript>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [key, transcript] : expected) {
    const auto& other = found.at(key);
    ASSERT_EQ(other.suggestions.size(), transcript.suggestions.size()) << key;
    for (const auto& [index, suggestion] : transcript.suggestions) {
      EXPECT_EQ(other.suggestions.at(index).tokens, suggestion.tokens) << key << ", suggestion " << index;
      EXPECT_EQ(other.suggestions.at(index).text, suggestion.text) << key << ", suggestion " << index;
    }
  }
}

/// A scheduler with a remembering model, and a clock that moves one millisecond a step.
class Bench {
 public:
  explicit Bench(ModelShape shape = default_shape(), SchedulerOptions options = {},
                 std::vector<std::string> words = {})
      : tokenizer(std::move(words)),
        model(shape),
        scheduler(shape, tokenizer, std::move(options), observer) {}

  static ModelShape default_shape() {
    return {
        .vocab_size = 257, .context_length = 128, .block_tokens = 8, .kv_blocks = 512, .end_of_text = 256};
  }

  RequestKey submit(proto::Suggest suggest) {
    const auto key = next_key++;
    suggest.id = std::to_string(key);
    if (!suggest.seed) suggest.seed = 1;
    Request request{.key = key, .suggest = suggest, .prompt = encode(suggest.prompt), .submitted = now};
    if (suggest.heal) request.spell_again = take_back(request.prompt, tokenizer);
    if (request.prompt.empty()) request.prompt.push_back(256);
    Events events;
    scheduler.submit(std::move(request), now, events);
    record(events);
    return key;
  }

  RequestKey prefill(const std::string& text) {
    const auto key = next_key++;
    Events events;
    scheduler.submit(Warmup{.key = key, .document = "d", .id = {}, .prompt = encode(text), .submitted = now},
                     events);
    record(events);
    return key;
  }

  void accept(RequestKey key, int index, int tokens) {
    Events events;
    scheduler.accept(key, index, tokens, now, events);
    record(events);
  }

  /// The longest words first, else bytes.
  std::vector<TokenId> encode(std::string_view text) const {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      TokenId best = static_cast<unsigned char>(text.front());
      for (TokenId id = 257; id < tokenizer.vocab_size(); ++id) {
        const auto word = tokenizer.token_bytes(id);
        if (text.starts_with(word) && word.size() > tokenizer.token_bytes(best).size()) best = id;
      }
      ids.push_back(best);
      text.remove_prefix(tokenizer.token_bytes(best).size());
    }
    return ids;
  }

  void cancel(RequestKey key, std::optional<int> index = std::nullopt) {
    Events events;
    scheduler.cancel(key, index, scheduler.steps(), now, events);
    record(events);
  }

  /// False when there was nothing to do.
  bool step() {
    Events events;
    const auto& plan = scheduler.plan(now, events);
    const bool worked = !plan.empty();
    now += std::chrono::milliseconds(1);
    if (worked) {
      for (const auto& [from, to] : plan.copies) device->copy_block(from, to);
      scheduler.commit(device->step(plan.slices), now, events);
    }
    record(events);
    return worked;
  }

  void run() {
    for (int i = 0; !scheduler.idle(); ++i) {
      ASSERT_LT(i, 100000) << "the scheduler does not come to an end";
      step();
    }
  }

  void record(const Events& events) {
    for (const auto& event : events) {
      transcripts[event.key].add(event.frame);
      if (std::holds_alternative<proto::Started>(event.frame)) started.push_back(event.key);
    }
  }

  ByteTokenizer tokenizer;
  CountingObserver observer;
  RememberingModel model;
  StepModel* device = &model;  ///< that computes the steps
  Scheduler scheduler;
  std::map<RequestKey, Transcript> transcripts;
  std::vector<RequestKey> started;  ///< in order
  TimePoint now{std::chrono::seconds(1)};
  RequestKey next_key = 1;
};

}  // namespace inkfleet::engine::testing
