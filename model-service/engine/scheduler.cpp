#include "model-service/engine/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace inkfleet::engine {
namespace {

using proto::ErrorCode;
using proto::FinishReason;
using State = Suggestion::State;

constexpr std::chrono::milliseconds kRetryAfter{1000};

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Resumed where it had already ended: nothing is left to compute.
bool at_end(const Generation& generation, const Suggestion& suggestion) {
  return suggestion.text.finished() || suggestion.generated() >= generation.request.suggest.max_tokens;
}

}  // namespace

Scheduler::Scheduler(const ModelShape& shape, const tokenizer::Tokenizer& tokenizer, SchedulerOptions options,
                     Observer& observer)
    : shape_(shape),
      tokenizer_(tokenizer),
      options_(std::move(options)),
      observer_(observer),
      pool_(shape.kv_blocks),
      cache_(pool_, shape.block_tokens),
      vocabulary_(tokenizer),
      budget_(
          options_.least_rows,
          std::max(options_.prefill_burst, kResumedFactor * options_.max_sequences + options_.prefill_rows),
          options_.step_time) {}

Scheduler::~Scheduler() = default;

// ---- requests come ----------------------------------------------------------------------------------------

void Scheduler::submit(Request request, TimePoint now, Events& events) {
  auto generation = make_generation(std::move(request));
  if (std::all_of(generation->suggestions.begin(), generation->suggestions.end(),
                  [&](const Suggestion& suggestion) { return at_end(*generation, suggestion); })) {
    announce_start(*generation, now, events);
    complete(*generation, now, events);
    return;
  }
  if (queue_.size() >= options_.max_queue * (generation->resumed() ? kResumedFactor : 1)) {
    auto gives_way = queue_.push_out(generation->client());
    if (!gives_way) return refuse(*generation, events);
    refuse(*gives_way, events);
  }
  queue_.push(std::move(generation));
  newcomers_ = true;
}

void Scheduler::refuse(Generation& generation, Events& events) {
  end_with_error(generation,
                 {.code = ErrorCode::kOverloaded,
                  .message = "the queue is full: " + std::to_string(options_.max_queue) + " requests wait",
                  .retry_after = kRetryAfter},
                 events);
}

std::unique_ptr<Generation> Scheduler::make_generation(Request request) {
  auto generation = std::make_unique<Generation>(Generation{
      .request = std::move(request), .prompt = Sequence(BlockTable(pool_)), .reserved = BlockTable(pool_)});
  const auto again = generation->request.spell_again.size();
  const auto& suggest = generation->request.suggest;
  generation->deadline = generation->request.submitted + suggest.deadline;
  generation->prompt.pending = generation->request.prompt;

  std::vector<proto::ResumePoint> points;
  if (suggest.resume) {
    points = *suggest.resume;
  } else {
    for (int index = 0; index < suggest.n; ++index) points.push_back({index, {}});
  }
  for (auto& point : points) {
    auto& suggestion = generation->suggestions.emplace_back(Suggestion{
        .index = point.index,
        .text = TextStream(tokenizer_, suggest.stop, again),
        .tokens = std::move(point.tokens),
        .sequence = Sequence(BlockTable(pool_)),
    });
    suggestion.fresh = suggestion.tokens.empty();
    for (const auto token : suggestion.tokens) {
      suggestion.spelled = std::min(again, suggestion.spelled + tokenizer_.token_bytes(token).size());
    }
    suggestion.text.resume(suggestion.tokens);
  }
  return generation;
}

// ---- requests go ------------------------------------------------------------------------------------------

void Scheduler::cancel(RequestKey key, std::optional<int> index, StepNumber received, TimePoint now,
                       Events& events) {
  auto* generation = find(key);
  if (generation == nullptr) return;
  for (auto& suggestion : generation->suggestions) {
    if (suggestion.state == State::kFinished || (index && suggestion.index != *index)) continue;
    observer_.on_cancelled(suggestion.steps.after(received));
    finish(*generation, suggestion, FinishReason::kCancelled, events);
  }
  complete_finished(now, events);
}

void Scheduler::abandon(RequestKey key, StepNumber received, TimePoint now) {
  Events unheard;
  cancel(key, std::nullopt, received, now, unheard);
  std::erase_if(warmups_, [&](const WarmingPrompt& warming) {
    if (warming.warmup.key != key) return false;
    learn(warming.warmup.prompt, {}, warming.sequence);
    return true;
  });
}

void Scheduler::expire(TimePoint now, Events& events) {
  for (auto& generation : running_) {
    if (now >= generation->deadline) finish_all(*generation, FinishReason::kDeadline, events);
  }
  complete_finished(now, events);
  queue_.erase_if([&](Generation& generation) {
    if (now < generation.deadline) return false;
    const auto limit = std::to_string(generation.request.suggest.deadline.count());
    end_with_error(generation,
                   {.code = ErrorCode::kDeadline, .message = "still waiting after deadline_ms = " + limit},
                   events);
    return true;
  });
  expire_warmups(now, events);
}

void Scheduler::fail(ErrorCode code, std::string_view message, TimePoint, Events& events) {
  std::vector<Generation*> failed;
  for (const auto& owner : owners_) {
    if (owner.generation == nullptr) {
      end_warmup(warmups_.front(), code, std::string(message), events);
      warmups_.pop_front();
    } else if (std::find(failed.begin(), failed.end(), owner.generation) == failed.end()) {
      failed.push_back(owner.generation);
    }
  }
  for (auto* generation : failed) {
    finish_all(*generation, FinishReason::kFailed, events);
    proto::Error error{.code = code, .message = std::string(message)};
    if (code == ErrorCode::kOverloaded) error.retry_after = kRetryAfter;
    end_with_error(*generation, std::move(error), events);
  }
  std::erase_if(running_, [](const auto& generation) { return generation->finished(); });
}

void Scheduler::shed(TimePoint now, Events& events) {
  const auto decodes = [](const SliceOwner& owner) {
    return owner.suggestion != nullptr && owner.sequence->pending.size() == 1;
  };
  if (!std::all_of(owners_.begin(), owners_.end(), decodes)) std::erase_if(owners_, decodes);
  fail(ErrorCode::kOverloaded, "there is no memory left for this request", now, events);
  cache_.give_up_idle();
}

void Scheduler::finish(Generation& generation, Suggestion& suggestion, FinishReason reason, Events& events) {
  if (suggestion.state == State::kFinished) return;
  if (suggestion.state == State::kRunning) {
    --sequences_;
    if (reason != FinishReason::kFailed) remember(generation, suggestion);
  }
  if (reason != FinishReason::kCancelled && reason != FinishReason::kFailed) {
    suggestion.text.finish();
    send_text(generation, suggestion, events);
  }
  suggestion.state = State::kFinished;
  suggestion.sequence.blocks.clear();
  events.push_back(
      {generation.request.key, proto::Finished{generation.request.suggest.id, suggestion.index, reason}});
}

void Scheduler::finish_all(Generation& generation, FinishReason reason, Events& events) {
  for (auto& suggestion : generation.suggestions) finish(generation, suggestion, reason, events);
}

void Scheduler::complete_finished(TimePoint now, Events& events) {
  const auto complete_if_finished = [&](Generation& generation) {
    if (!generation.finished()) return false;
    complete(generation, now, events);
    return true;
  };
  std::erase_if(running_, [&](auto& generation) { return complete_if_finished(*generation); });
  queue_.erase_if(complete_if_finished);
}

void Scheduler::complete(Generation& generation, TimePoint now, Events& events) {
  const auto& request = generation.request;
  proto::Completed completed{.id = request.suggest.id, .receipt = options_.receipt};
  completed.usage = {.prompt_tokens = static_cast<int>(request.prompt.size()),
                     .cached_tokens = generation.cached_tokens,
                     .completion_tokens = generation.completion_tokens};
  completed.receipt.seed = request.suggest.seed.value_or(0);
  const auto admitted = generation.admitted == TimePoint{} ? now : generation.admitted;
  const auto first_token = generation.first_token.value_or(now);
  completed.timing = {.queue = milliseconds(admitted - request.submitted),
                      .prefill = milliseconds(first_token - admitted),
                      .decode = milliseconds(now - first_token)};
  observer_.on_completed(completed.usage);
  events.push_back({request.key, std::move(completed)});
  remember(generation);
  remember_texts(generation);
}

void Scheduler::end_with_error(Generation& generation, proto::Error error, Events& events) {
  observer_.on_failed(error.code);
  error.id = generation.request.suggest.id;
  events.push_back({generation.request.key, std::move(error)});
}

// ---- admission --------------------------------------------------------------------------------------------

void Scheduler::admit(TimePoint now, Events& events) {
  const bool resumed_fit = admit_started(true);
  const bool all_fit = resumed_fit && admit_started(false);
  int sequences = 0;  // with those to come of what has started: nobody's turn is given away ahead of time
  for (const auto& generation : running_) sequences += generation->open();
  queue_.set_running(running_);
  const auto may_start = [&] {
    return !queue_.empty() && (queue_.front().resumed() ? resumed_fit : all_fit);
  };
  const auto start_next = [&] {
    auto& next = queue_.front();
    return sequences < sequence_limit(next) &&
           start_prompt(next.prompt, next.prompt.pending.size() - 1, next.reserved, first_own_blocks(next));
  };
  while (may_start() && (start_next() || (make_room_of_warmup(events) && start_next()))) {
    auto& started = *running_.emplace_back(queue_.pop_front());
    started.cached_tokens = started.prompt.position;
    sequences += started.open();
    announce_start(started, now, events);
  }
  announce_waiting(events);
  if (all_fit && queue_.empty()) admit_warmup(events);
}

// The suggestions of resumed requests or of the others; false when one must wait.
bool Scheduler::admit_started(bool resumed) {
  return std::all_of(running_.begin(), running_.end(), [&](const auto& generation) {
    return generation->resumed() != resumed || admit_suggestions(*generation);
  });
}

int Scheduler::sequence_limit(const Generation& generation) const {
  return options_.max_sequences * (generation.resumed() ? kResumedFactor : 1);
}

// Starts the suggestions whose prompt is done; false when one must wait, and then nothing newer may overtake
// it.
bool Scheduler::admit_suggestions(Generation& generation) {
  if (!generation.prompt_done) return true;
  for (auto& suggestion : generation.suggestions) {
    if (suggestion.state != State::kWaiting) continue;
    const int needed = generation.last_block_taken ? own_blocks(generation) : 0;
    if (sequences_ >= sequence_limit(generation) || !cache_.make_room(needed)) return false;
    start_suggestion(generation, suggestion);
  }
  generation.prompt.blocks.clear();
  generation.reserved.clear();
  return true;
}

// Takes blocks for a prompt and the `own` ones of its first suggestion, the others may have to wait for their
// turn; false when there are not enough. What the cache knows of the prompt's first `findable` tokens is not
// computed again; the last token is, where its logits are needed.
bool Scheduler::start_prompt(Sequence& prompt, std::size_t findable, BlockTable& reserved, int own) {
  auto& [pending, position, blocks] = prompt;
  PrefixCache::Match match;
  if (options_.prefix_cache) match = cache_.find(std::span(pending).first(findable));
  for (const BlockId block : match.whole) blocks.share(block);

  const int prompt_blocks = blocks_for(static_cast<int>(pending.size()));
  if (!cache_.make_room(prompt_blocks - blocks.size() + own)) {
    blocks.clear();
    return false;
  }
  const auto whole = static_cast<std::size_t>(blocks.size());
  blocks.grow_to(prompt_blocks);
  reserved.grow_to(own);
  if (match.partial_tokens > 0) step_.copies.emplace_back(match.partial, blocks.ids()[whole]);
  position = match.tokens(shape_.block_tokens);
  pending.erase(pending.begin(), pending.begin() + position);
  return true;
}

void Scheduler::start_suggestion(Generation& generation, Suggestion& suggestion) {
  const int prompt_tokens = static_cast<int>(generation.request.prompt.size());
  const int whole = prompt_tokens / shape_.block_tokens;
  const auto& prompt_blocks = generation.prompt.blocks.ids();
  const bool first = !std::exchange(generation.last_block_taken, true);
  auto& blocks = suggestion.sequence.blocks;
  const int shared = first ? generation.prompt.blocks.size() : whole;
  for (int i = 0; i < shared; ++i) blocks.share(prompt_blocks[static_cast<std::size_t>(i)]);
  if (first) {
    blocks.append(std::move(generation.reserved));
  } else {
    blocks.grow_to(whole + own_blocks(generation));
    if (prompt_tokens % shape_.block_tokens != 0 && blocks.size() > whole) {
      const auto partial = static_cast<std::size_t>(whole);
      step_.copies.emplace_back(prompt_blocks[partial], blocks.ids()[partial]);
    }
  }
  suggestion.sequence.position = prompt_tokens;
  suggestion.state = State::kRunning;
  ++sequences_;
}

void Scheduler::announce_start(Generation& generation, TimePoint now, Events& events) {
  generation.admitted = now;
  const auto& suggest = generation.request.suggest;
  events.push_back({generation.request.key,
                    proto::Started{.id = suggest.id,
                                   .model = options_.receipt.model,
                                   .seed = suggest.seed.value_or(0),
                                   .exact = options_.exact,
                                   .prompt_tokens = static_cast<int>(generation.request.prompt.size()),
                                   .cached_tokens = generation.cached_tokens,
                                   .dropped_tokens = generation.request.dropped_tokens}});
  for (auto& suggestion : generation.suggestions) {
    if (!at_end(generation, suggestion)) continue;
    finish(generation, suggestion, suggestion.text.finished() ? FinishReason::kStop : FinishReason::kLength,
           events);
  }
}

void Scheduler::announce_waiting(Events& events) {
  if (!std::exchange(newcomers_, false)) return;
  int position = 0;
  for (auto* generation : queue_.in_order()) {
    if (!generation->told_waiting) {
      generation->told_waiting = true;
      events.push_back({generation->request.key, proto::Queued{generation->request.suggest.id, position}});
    }
    ++position;
  }
}

int Scheduler::blocks_for(int positions) const {
  return (positions + shape_.block_tokens - 1) / shape_.block_tokens;
}

// Blocks of the first suggestion beside all of the prompt's; with siblings, as many as one of them will need
// that starts when it has ended, so that a request never waits for another one's end.
int Scheduler::first_own_blocks(const Generation& generation) const {
  if (generation.suggestions.size() > 1) return own_blocks(generation);
  const int prompt_tokens = static_cast<int>(generation.request.prompt.size());
  return blocks_for(prompt_tokens + generation.request.suggest.max_tokens - 1) - blocks_for(prompt_tokens);
}

// Blocks a suggestion does not share with the prompt: its last token is never fed, so it needs no room.
int Scheduler::own_blocks(const Generation& generation) const {
  const int prompt_tokens = static_cast<int>(generation.request.prompt.size());
  const int positions = prompt_tokens + generation.request.suggest.max_tokens - 1;
  return blocks_for(positions) - prompt_tokens / shape_.block_tokens;
}

Generation* Scheduler::find(RequestKey key) {
  for (auto& generation : running_) {
    if (generation->request.key == key) return generation.get();
  }
  return queue_.find(key);
}

// Those that decode first, then those that wait.
Places Scheduler::places() const {
  Places places(options_.max_sequences);
  const auto each = [](const Generation& generation, bool running, auto&& act) {
    for (const auto& suggestion : generation.suggestions) {
      if (suggestion.state == State::kFinished || (suggestion.state == State::kRunning) != running) continue;
      act(generation.request.suggest.max_tokens - suggestion.generated());
    }
  };
  const auto take = [&](int tokens) { places.take(tokens); };
  for (const auto& generation : running_) each(*generation, true, [&](int tokens) { places.hold(tokens); });
  for (const auto& generation : running_) each(*generation, false, take);
  queue_.for_each([&](const Generation& generation) { each(generation, false, take); });
  return places;
}

int Load::steps_to_start(const proto::Suggest& suggest) const {
  return places.free_in(suggest.n, backlog.share_before(suggest.client.value_or("")));
}

std::chrono::milliseconds Load::time_to_complete(const proto::Suggest& suggest) const {
  const int steps = std::max(steps_to_start(suggest), prompt_steps) + suggest.max_tokens;
  return std::chrono::duration_cast<std::chrono::milliseconds>(steps * token_time);
}

Load Scheduler::load() const {
  Load load{.queued = queue_.size(),
            .running = static_cast<int>(running_.size()),
            .sequences = sequences_,
            .blocks_used = pool_.total() - pool_.available() - cache_.idle_blocks(),
            .blocks_cached = cache_.idle_blocks(),
            .blocks_total = pool_.total()};
  int prompt_tokens = 0;
  const auto count = [&](const Generation& generation) {
    load.backlog_tokens += generation.rows_left();
    prompt_tokens += static_cast<int>(generation.prompt.pending.size());
  };
  for (const auto& generation : running_) count(*generation);
  queue_.for_each(count);
  load.backlog = queue_.backlog();
  load.places = places();
  load.prompt_steps = prompt_tokens / options_.prefill_rows;
  load.token_time = token_time_;
  if (!queue_.empty() && rows_per_second_ > 0.0) {
    const std::chrono::duration<double> wait(load.backlog_tokens / rows_per_second_);
    load.expected_wait = std::chrono::duration_cast<std::chrono::milliseconds>(wait);
  }
  return load;
}

}  // namespace inkfleet::engine
