// What the scheduler keeps warm: texts computed before they are asked for, and texts that were.

#include <algorithm>

#include "model-service/engine/scheduler.hpp"
#include "proto/limits.hpp"

namespace inkfleet::engine {
namespace {

using proto::ErrorCode;
using State = Suggestion::State;

/// Tokens of completed requests that an `accept` can still name: 4 MiB.
constexpr std::size_t kCompletedTokens = std::size_t{1} << 20U;

/// After this time nobody types that text any more.
constexpr std::chrono::seconds kWarmupPatience{60};

}  // namespace

// ---- prefill ----------------------------------------------------------------------------------------------

void Scheduler::submit(Warmup warmup, Events& events) {
  WarmingPrompt warming{.warmup = std::move(warmup), .sequence = Sequence(BlockTable(pool_))};
  if (static_cast<int>(warmups_.size()) >= options_.max_queue) {
    return end_warmup(warming, ErrorCode::kOverloaded,
                      "too many prefills: " + std::to_string(options_.max_queue) + " wait", events);
  }
  warming.sequence.pending = warming.warmup.prompt;
  warmups_.push_back(std::move(warming));
}

void Scheduler::admit_warmup(Events& events) {
  while (!warmups_.empty() && !warmups_.front().admitted) {
    auto& [warmup, sequence, cached_tokens, admitted] = warmups_.front();
    BlockTable none(pool_);
    if (!start_prompt(sequence, sequence.pending.size(), none, 0)) return;
    admitted = true;
    cached_tokens = sequence.position;
    if (sequence.pending.empty()) finish_warmup(events);
  }
}

// A request needs the blocks that a warm-up holds. False when there is none.
bool Scheduler::make_room_of_warmup(Events& events) {
  if (warmups_.empty() || !warmups_.front().admitted) return false;
  auto& warming = warmups_.front();
  learn(warming.warmup.prompt, {}, warming.sequence);
  end_warmup(warming, ErrorCode::kOverloaded, "requests need the memory", events);
  warmups_.pop_front();
  return true;
}

void Scheduler::plan_warmup() {
  if (warmups_.empty() || !warmups_.front().admitted) return;
  int rows = std::min(options_.prefill_rows, budget_.rows());
  for (const auto& owner : owners_) rows -= owner.rows;
  auto& sequence = warmups_.front().sequence;
  rows = std::min(rows, static_cast<int>(sequence.pending.size()));
  if (rows > 0) add_slice({nullptr, nullptr, &sequence, rows}, false);
}

void Scheduler::finish_warmup(Events& events) {
  auto& [warmup, sequence, cached_tokens, admitted] = warmups_.front();
  learn(warmup.prompt, {}, sequence);
  events.push_back({warmup.key, proto::Prefilled{.document = warmup.document,
                                                 .id = warmup.id,
                                                 .prompt_tokens = static_cast<int>(warmup.prompt.size()),
                                                 .cached_tokens = cached_tokens}});
  warmups_.pop_front();
}

void Scheduler::expire_warmups(TimePoint now, Events& events) {
  std::erase_if(warmups_, [&](WarmingPrompt& warming) {
    if (now < warming.warmup.submitted + kWarmupPatience) return false;
    learn(warming.warmup.prompt, {}, warming.sequence);
    end_warmup(warming, ErrorCode::kDeadline,
               "still waiting after " + std::to_string(kWarmupPatience.count()) + " s", events);
    return true;
  });
}

void Scheduler::end_warmup(WarmingPrompt& warming, ErrorCode code, std::string message, Events& events) {
  proto::Error error{.code = code, .message = std::move(message), .frame = "prefill"};
  if (code == ErrorCode::kOverloaded) error.retry_after = proto::limits::kRetryAfter;
  events.push_back({warming.warmup.key, std::move(error)});
}

// ---- accept -----------------------------------------------------------------------------------------------

void Scheduler::accept(RequestKey key, int index, int tokens, TimePoint now, Events& events) {
  const auto taken = [&](const std::vector<TokenId>& all) {
    return std::span(all).first(std::min(all.size(), static_cast<std::size_t>(tokens)));
  };
  if (auto* generation = find(key)) {
    const auto& all = generation->suggestions;
    const bool known = std::any_of(all.begin(), all.end(), [&](const auto& s) { return s.index == index; });
    if (!known) return;
    for (auto& suggestion : generation->suggestions) {
      if (suggestion.index != index) {
        finish(*generation, suggestion, proto::FinishReason::kCancelled, events);
      } else if (suggestion.state == State::kRunning) {
        learn(generation->request.prompt, taken(suggestion.tokens), suggestion.sequence);
      }
    }
    complete_finished(now, events);
    return;
  }
  const auto completed = std::find_if(completed_.rbegin(), completed_.rend(),
                                      [&](const CompletedTexts& texts) { return texts.key == key; });
  if (completed == completed_.rend()) return;
  for (const auto& [produced, all] : completed->suggestions) {
    if (produced != index) continue;
    auto text = completed->prompt;
    text.insert(text.end(), taken(all).begin(), taken(all).end());
    static_cast<void>(cache_.find(text));  // marks it as used now
  }
}

// ---- what was computed ------------------------------------------------------------------------------------

// The cache learns prompt and tokens, as far as the sequence holds them.
void Scheduler::learn(std::vector<TokenId> prompt, std::span<const TokenId> tokens,
                      const Sequence& sequence) {
  if (!options_.prefix_cache || sequence.position == 0) return;
  prompt.insert(prompt.end(), tokens.begin(), tokens.end());
  const auto computed = static_cast<std::size_t>(sequence.position);
  cache_.insert(std::span(prompt).first(std::min(computed, prompt.size())), sequence.blocks.ids());
}

// What an unfinished prompt leaves behind: a writer who types on asks for more of the same text.
void Scheduler::remember(const Generation& generation) {
  if (!generation.prompt_done) learn(generation.request.prompt, {}, generation.prompt);
}

// What a suggestion leaves behind, for a text that goes on with it.
void Scheduler::remember(const Generation& generation, const Suggestion& suggestion) {
  learn(generation.request.prompt, suggestion.tokens, suggestion.sequence);
}

void Scheduler::remember_texts(Generation& generation) {
  CompletedTexts texts{.key = generation.request.key, .prompt = generation.request.prompt};
  for (auto& suggestion : generation.suggestions) {
    texts.suggestions.emplace_back(suggestion.index, std::move(suggestion.tokens));
  }
  completed_tokens_ += texts.size();
  completed_.push_back(std::move(texts));
  while (completed_tokens_ > kCompletedTokens) {
    completed_tokens_ -= completed_.front().size();
    completed_.pop_front();
  }
}

}  // namespace inkfleet::engine
