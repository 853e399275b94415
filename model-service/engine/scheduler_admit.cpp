// Which requests start, and with which blocks of the cache.

#include <algorithm>

#include "model-service/engine/scheduler.hpp"

namespace inkfleet::engine {

using State = Suggestion::State;

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

}  // namespace inkfleet::engine
