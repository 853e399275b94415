#include "model-service/engine/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "proto/limits.hpp"

namespace inkfleet::engine {
namespace {

using proto::ErrorCode;
using proto::FinishReason;
using State = Suggestion::State;

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Resumed where it had already ended: nothing is left to compute.
bool at_end(const Generation& generation, const Suggestion& suggestion) {
  return suggestion.text.finished() || suggestion.generated() >= generation.request.suggest.max_tokens;
}

}  // namespace

int SchedulerOptions::most_rows() const {
  return std::max(prefill_burst, Scheduler::kResumedFactor * max_sequences + prefill_rows);
}

Scheduler::Scheduler(const ModelShape& shape, const tokenizer::Tokenizer& tokenizer, SchedulerOptions options,
                     Observer& observer)
    : shape_(shape),
      tokenizer_(tokenizer),
      options_(std::move(options)),
      observer_(observer),
      pool_(shape.kv_blocks),
      cache_(pool_, shape.block_tokens),
      vocabulary_(tokenizer),
      budget_(options_.least_rows, options_.most_rows(), options_.step_time) {}

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
                  .retry_after = proto::limits::kRetryAfter},
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

void Scheduler::fail(ErrorCode code, std::string_view message, Events& events) {
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
    if (code == ErrorCode::kOverloaded) error.retry_after = proto::limits::kRetryAfter;
    end_with_error(*generation, std::move(error), events);
  }
  std::erase_if(running_, [](const auto& generation) { return generation->finished(); });
}

void Scheduler::shed(Events& events) {
  const auto decodes = [](const SliceOwner& owner) {
    return owner.suggestion != nullptr && owner.sequence->pending.size() == 1;
  };
  if (!std::all_of(owners_.begin(), owners_.end(), decodes)) std::erase_if(owners_, decodes);
  fail(ErrorCode::kOverloaded, "there is no memory left for this request", events);
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

// ---- what others want to know -----------------------------------------------------------------------------

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
