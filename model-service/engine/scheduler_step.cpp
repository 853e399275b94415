// The scheduler's inner loop: which rows the next step computes, and what their logits become.

#include <algorithm>

#include "model-service/engine/scheduler.hpp"

namespace inkfleet::engine {

using proto::FinishReason;
using State = Suggestion::State;

namespace {

template <typename T>
std::span<const T> take_front(std::span<const T>& rest, std::size_t count) {
  const auto front = rest.first(count);
  rest = rest.subspan(count);
  return front;
}

/// What one slice came to, taken off what is left of the step's.
StepResult take_front(StepResult& rest, const StepSlice& slice, int vocab_size) {
  if (!slice.wants_logits) return {};
  if (!slice.draws.empty() && !rest.drawn.empty()) {
    return {.logits = {}, .drawn = take_front(rest.drawn, slice.draws.size())};
  }
  return {.logits = take_front(rest.logits, static_cast<std::size_t>(vocab_size)), .drawn = {}};
}

}  // namespace

const Step& Scheduler::plan(TimePoint now, Events& events) {
  step_.copies.clear();
  step_.slices.clear();
  owners_.clear();
  expire(now, events);
  admit(now, events);
  auto prefills = find_prefills();
  plan_decodes(prefills.empty() ? budget_.rows() : std::max(1, budget_.rows() / 2));
  plan_prefills(std::move(prefills));
  if (queue_.empty()) plan_warmup();
  plan_draws();
  step_began_ = now;

  int prefill_rows = 0;
  int decode_rows = 0;
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    // Of tokens that a suggestion brought along, only the last gives a new one.
    const int decoded = owners_[i].suggestion != nullptr && step_.slices[i].wants_logits ? 1 : 0;
    decode_rows += decoded;
    prefill_rows += owners_[i].rows - decoded;
  }
  if (!step_.empty()) observer_.on_step(prefill_rows, decode_rows);
  return step_;
}

// Of more than fit into the step, those that waited longest: then they take turns.
void Scheduler::plan_decodes(int rows) {
  decodes_.clear();
  for (auto& generation : running_) {
    for (auto& suggestion : generation->suggestions) {
      if (suggestion.state == State::kRunning && suggestion.sequence.pending.size() == 1) {
        decodes_.push_back({generation.get(), &suggestion, &suggestion.sequence, 1});
      }
    }
  }
  if (const auto fit = static_cast<std::size_t>(rows); decodes_.size() > fit) {
    std::stable_sort(decodes_.begin(), decodes_.end(), [](const SliceOwner& one, const SliceOwner& other) {
      return one.suggestion->last_token < other.suggestion->last_token;
    });
    decodes_.erase(decodes_.begin() + rows, decodes_.end());
  }
  for (const auto& decode : decodes_) add_slice(decode, true);
}

std::vector<Scheduler::SliceOwner> Scheduler::find_prefills() {
  std::vector<SliceOwner> wants;
  for (auto& generation : running_) {
    if (!generation->prompt_done) wants.push_back({generation.get(), nullptr, &generation->prompt, 0});
    for (auto& suggestion : generation->suggestions) {
      if (suggestion.state == State::kRunning && suggestion.sequence.pending.size() > 1) {
        wants.push_back({generation.get(), &suggestion, &suggestion.sequence, 0});
      }
    }
  }
  return wants;
}

// Every sequence that has several tokens to feed gets an equal share of the rows; what one does not need goes
// to the oldest.
void Scheduler::plan_prefills(std::vector<SliceOwner> wants) {
  if (wants.empty()) return;
  const auto pending = [](const SliceOwner& want) { return static_cast<int>(want.sequence->pending.size()); };

  int rows = std::min(step_.empty() ? options_.prefill_burst : options_.prefill_rows,
                      budget_.rows() - static_cast<int>(owners_.size()));
  const int share = std::max(1, rows / static_cast<int>(wants.size()));
  for (auto& want : wants) {
    want.rows = std::min({pending(want), share, rows});
    rows -= want.rows;
  }
  for (auto& want : wants) {
    const int more = std::min(pending(want) - want.rows, rows);
    want.rows += more;
    rows -= more;
    if (want.rows == 0) continue;
    const bool last = want.rows == pending(want);
    add_slice(want, last && (want.suggestion != nullptr || want.generation->needs_prompt_logits()));
  }
}

void Scheduler::add_slice(SliceOwner owner, bool wants_logits) {
  const auto& sequence = *owner.sequence;
  const int end = sequence.position + owner.rows;
  step_.slices.push_back(
      {.tokens = std::span(sequence.pending).first(static_cast<std::size_t>(owner.rows)),
       .first_position = sequence.position,
       .blocks = std::span(sequence.blocks.ids()).first(static_cast<std::size_t>(blocks_for(end))),
       .wants_logits = wants_logits});
  owners_.push_back(owner);
}

// What will be drawn from each slice's logits, in the order in which commit() takes it.
void Scheduler::plan_draws() {
  auto& draws = step_.draws;
  std::size_t most = 0;
  for (const auto& owner : owners_) {
    if (owner.generation != nullptr)
      most += owner.suggestion != nullptr ? 1 : owner.generation->suggestions.size();
  }
  draws.clear();
  draws.reserve(most);  // slices point into it
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    const auto& [generation, suggestion, sequence, rows] = owners_[i];
    if (!step_.slices[i].wants_logits || generation->draws_on_host(suggestion)) continue;
    const auto begin = draws.size();
    if (suggestion != nullptr) {
      draws.push_back(generation->next_draw(*suggestion));
    } else {
      for (const auto& first : generation->suggestions) {
        if (first.begins_with_prompt()) draws.push_back(generation->next_draw(first));
      }
    }
    step_.slices[i].draws = std::span(draws).subspan(begin);
  }
}

void Scheduler::commit(StepResult result, TimePoint now, Events& events) {
  measure_pace(now);
  count_step();
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    const auto& [generation, suggestion, sequence, rows] = owners_[i];
    sequence->pending.erase(sequence->pending.begin(), sequence->pending.begin() + rows);
    sequence->position += rows;
    if (generation != nullptr) queue_.on_computed(*generation, rows);

    auto own = take_front(result, step_.slices[i], shape_.vocab_size);
    if (!sequence->pending.empty()) continue;
    if (generation == nullptr) {
      finish_warmup(events);
    } else if (suggestion != nullptr) {
      take_token(*generation, *suggestion, own, now, events);
    } else {
      finish_prompt(*generation, own, now, events);
    }
  }
  owners_.clear();
  measure_token_time();
  complete_finished(now, events);
  queue_.end_step();
}

void Scheduler::count_step() {
  ++steps_;
  for (const auto& owner : owners_) {
    if (owner.suggestion != nullptr) {
      owner.suggestion->steps.add(steps_);
    } else if (owner.generation != nullptr) {
      for (auto& suggestion : owner.generation->suggestions) suggestion.steps.add(steps_);
    }
  }
}

void Scheduler::measure_pace(TimePoint now) {
  constexpr double kWeight = 0.1;  // of the newest step
  int rows = 0;
  for (const auto& owner : owners_) rows += owner.rows;
  const double seconds = std::chrono::duration<double>(now - step_began_).count();
  if (seconds <= 0.0) return;
  budget_.observe(rows, now - step_began_);
  const double pace = rows / seconds;
  rows_per_second_ = rows_per_second_ == 0.0 ? pace : (1.0 - kWeight) * rows_per_second_ + kWeight * pace;
}

void Scheduler::measure_token_time() {
  constexpr double kWeight = 0.1;  // of the newest step
  if (!newest_gap_) return;
  token_time_ =
      token_time_.count() == 0.0 ? *newest_gap_ : (1.0 - kWeight) * token_time_ + kWeight * *newest_gap_;
  newest_gap_.reset();
}

// The prompt's logits give each suggestion that starts afresh its first token; resumed ones feed theirs
// first.
void Scheduler::finish_prompt(Generation& generation, StepResult result, TimePoint now, Events& events) {
  generation.prompt_done = true;
  if (options_.prefix_cache) cache_.insert(generation.request.prompt, generation.prompt.blocks.ids());
  for (auto& suggestion : generation.suggestions) {
    if (suggestion.state == State::kFinished) continue;
    if (suggestion.begins_with_prompt()) {
      take_token(generation, suggestion, result, now, events);
    } else {
      suggestion.sequence.pending = suggestion.tokens;
    }
  }
}

// The model's draw, the next of those left in `result`, or ours from its logits.
TokenId Scheduler::next_token(const Generation& generation, const Suggestion& suggestion,
                              StepResult& result) {
  if (!result.drawn.empty()) return take_front(result.drawn, 1).front();
  const auto [parameters, uniform] = generation.next_draw(suggestion);
  const auto rest = generation.left_to_spell(suggestion);
  return sampler_.sample(result.logits, parameters, uniform,
                         rest.empty() ? std::span<const TokenId>() : vocabulary_.allowed(rest));
}

void Scheduler::take_token(Generation& generation, Suggestion& suggestion, StepResult& result, TimePoint now,
                           Events& events) {
  const auto& suggest = generation.request.suggest;
  const auto token = next_token(generation, suggestion, result);
  suggestion.spelled +=
      std::min(generation.left_to_spell(suggestion).size(), tokenizer_.token_bytes(token).size());

  if (!generation.first_token) {
    generation.first_token = now;
    observer_.on_first_token(now - generation.request.submitted);
  }
  if (suggestion.last_token != TimePoint{}) {
    observer_.on_next_token(now - suggestion.last_token);
    // Before its second token it may have waited for its place.
    if (suggestion.generated() > 1) newest_gap_ = now - suggestion.last_token;
  }
  suggestion.last_token = now;

  if (token == shape_.end_of_text) return finish(generation, suggestion, FinishReason::kEndOfText, events);
  ++generation.completion_tokens;
  suggestion.tokens.push_back(token);
  std::optional<proto::TokenLogprob> logprob;
  if (suggest.logprobs) logprob = log_probabilities(result.logits, token, *suggest.logprobs);
  if (suggestion.text.push(token, std::move(logprob))) {
    return finish(generation, suggestion, FinishReason::kStop, events);
  }
  if (suggestion.generated() >= suggest.max_tokens) {
    return finish(generation, suggestion, FinishReason::kLength, events);
  }
  send_text(generation, suggestion, events);
  suggestion.sequence.pending.push_back(token);
}

void Scheduler::send_text(Generation& generation, Suggestion& suggestion, Events& events) {
  auto delta = suggestion.text.take();
  if (!delta) return;
  delta->id = generation.request.suggest.id;
  delta->index = suggestion.index;
  events.push_back({generation.request.key, std::move(*delta)});
}

}  // namespace inkfleet::engine
