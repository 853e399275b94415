#pragma once

#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model-service/engine/backlog.hpp"
#include "model-service/engine/block_pool.hpp"
#include "model-service/engine/fair_queue.hpp"
#include "model-service/engine/generation.hpp"
#include "model-service/engine/heal.hpp"
#include "model-service/engine/observer.hpp"
#include "model-service/engine/places.hpp"
#include "model-service/engine/prefix_cache.hpp"
#include "model-service/engine/recent_steps.hpp"
#include "model-service/engine/request.hpp"
#include "model-service/engine/sampler.hpp"
#include "model-service/engine/step_budget.hpp"
#include "model-service/engine/step_model.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::engine {

struct SchedulerOptions {
  int max_queue = 256;                       ///< requests waiting; beyond, `overloaded`
  int max_sequences = 64;                    ///< suggestions decoded in one step, beside resumed ones
  int prefill_rows = 128;                    ///< prompt tokens fed in a step beside running decodes
  int prefill_burst = 256;                   ///< prompt tokens fed in a step while nothing decodes
  int least_rows = 16;                       ///< of a step, however slow the model is
  std::chrono::milliseconds step_time{500};  ///< beyond `least_rows`, a step computes what ends in this time
  bool prefix_cache = true;                  ///< reuse keys and values of equal beginnings
  bool exact = false;                        ///< what `started` promises
  proto::Receipt receipt;                    ///< without the seed

  /// That a step can have.
  [[nodiscard]] int most_rows() const;
};

/// Numbers for metrics, health and admission.
struct Load {
  int queued = 0;                              ///< requests
  int running = 0;                             ///< requests
  int sequences = 0;                           ///< suggestions decoding
  int backlog_tokens = 0;                      ///< upper bound of rows still to compute
  std::chrono::milliseconds expected_wait{0};  ///< of a new request: the backlog at the pace of late
  int blocks_used = 0;                         ///< by live requests
  int blocks_cached = 0;                       ///< by the prefix cache alone: given up when memory is short
  int blocks_total = 0;
  Backlog backlog{};                                        ///< by client
  Places places{};                                          ///< with all that runs and waits
  int prompt_steps = 0;                                     ///< until all prompts are fed that have come
  std::chrono::duration<double, std::milli> token_time{0};  ///< from token to token of a suggestion, of late

  /// A new request would not get all it needs at once.
  [[nodiscard]] bool must_wait(const proto::Suggest& suggest) const { return steps_to_start(suggest) > 0; }

  /// How long a new request will take from now to its end.
  [[nodiscard]] std::chrono::milliseconds time_to_complete(const proto::Suggest& suggest) const;

 private:
  [[nodiscard]] int steps_to_start(const proto::Suggest& suggest) const;
};

/// What one step is to do: the copies first, in order, then the slices.
struct Step {
  std::vector<std::pair<BlockId, BlockId>> copies;  ///< from, to
  std::vector<StepSlice> slices;
  std::vector<Draw> draws;  ///< that slices point to

  [[nodiscard]] bool empty() const { return slices.empty(); }
};

/// Decides what each step of the model computes: a plain state machine without clock, thread or device.
///
/// Continuous batching after Orca (Yu et al., OSDI 2022): requests join and leave between any two steps, and
/// prompts are fed in chunks beside running decodes (Sarathi, Agrawal et al. 2023). Cache memory is planned
/// in blocks (vLLM, Kwon et al., SOSP 2023): a sequence takes all blocks it can ever need before it starts,
/// so nothing that runs has to be thrown out.
///
/// Call plan(), run what it returns, then commit() or fail(), and nothing in between. One thread.
class Scheduler {
 public:
  /// The tokenizer and the observer must outlive the scheduler.
  Scheduler(const ModelShape& shape, const tokenizer::Tokenizer& tokenizer, SchedulerOptions options,
            Observer& observer);
  ~Scheduler();

  /// Beyond these factors of max_queue and max_sequences resumed requests have to wait as well. They go
  /// before others (FairQueue::kResumedLead): each has a reader who sees it stand still, and was running
  /// until its service was lost.
  static constexpr int kResumedFactor = 2;

  /// Queues a request. Beyond the queue's limit one ends at once with `overloaded`: the newest of the client
  /// that has the most waiting, which may be this one.
  void submit(Request request, TimePoint now, Events& events);

  /// Queues a warm-up, which gets what requests leave over: one at a time, when no request waits. It ends in
  /// `prefilled`, or in an error that names the frame. Beyond the queue's limit it ends at once.
  void submit(Warmup warmup, Events& events);

  /// Ends one suggestion, or all when `index` is absent. Unknown keys and indices are ignored. `received` is
  /// what steps() was when the order came in.
  void cancel(RequestKey key, std::optional<int> index, StepNumber received, TimePoint now, Events& events);

  /// A writer took the first `tokens` of a suggestion: its siblings end, and the text up to there counts as
  /// used now. Also for requests that completed a while ago.
  void accept(RequestKey key, int index, int tokens, TimePoint now, Events& events);

  /// Ends a request or a warm-up whose client is gone, without a word. What it computed stays in the cache.
  void abandon(RequestKey key, StepNumber received, TimePoint now);

  /// Ends what is past its deadline, admits what fits, and chooses the next step; empty when idle. The step's
  /// spans stay valid until commit() or fail().
  const Step& plan(TimePoint now, Events& events);

  /// Takes what the step's slices came to.
  void commit(StepResult result, TimePoint now, Events& events);

  /// The step could not be computed: every request that took part in it ends with this error.
  void fail(proto::ErrorCode code, std::string_view message, Events& events);

  /// The step could not be computed for want of memory, its copies were. The requests whose prompts it fed
  /// end with `overloaded`, and what only decoded is planned again; where all did the one or the other, all
  /// end. The prefix cache gives up what nobody uses.
  void shed(Events& events);

  [[nodiscard]] bool idle() const { return queue_.empty() && running_.empty() && warmups_.empty(); }
  [[nodiscard]] Load load() const;
  /// Blocks from this one on have never been used.
  [[nodiscard]] BlockId first_unused_block() const { return pool_.first_unused(); }
  /// Steps computed so far.
  [[nodiscard]] StepNumber steps() const { return steps_; }

 private:
  using Generations = FairQueue::Running;

  // Whose a slice is: a suggestion's; without one, the generation's prompt's; without either, the warm-up's.
  struct SliceOwner {
    Generation* generation;
    Suggestion* suggestion;
    Sequence* sequence;
    int rows;
  };

  std::unique_ptr<Generation> make_generation(Request request);
  void refuse(Generation& generation, Events& events);
  void expire(TimePoint now, Events& events);
  void admit(TimePoint now, Events& events);
  bool admit_started(bool resumed);
  bool admit_suggestions(Generation& generation);
  [[nodiscard]] int sequence_limit(const Generation& generation) const;
  bool start_prompt(Sequence& prompt, std::size_t findable, BlockTable& reserved, int own);
  void start_suggestion(Generation& generation, Suggestion& suggestion);
  void announce_start(Generation& generation, TimePoint now, Events& events);
  void announce_waiting(Events& events);

  void plan_decodes(int rows);
  std::vector<SliceOwner> find_prefills();
  void plan_prefills(std::vector<SliceOwner> wants);
  void plan_warmup();
  void add_slice(SliceOwner owner, bool wants_logits);
  void plan_draws();
  void count_step();
  void measure_pace(TimePoint now);
  void measure_token_time();
  [[nodiscard]] Places places() const;

  void finish_prompt(Generation& generation, StepResult result, TimePoint now, Events& events);
  void take_token(Generation& generation, Suggestion& suggestion, StepResult& result, TimePoint now,
                  Events& events);
  TokenId next_token(const Generation& generation, const Suggestion& suggestion, StepResult& result);
  void send_text(Generation& generation, Suggestion& suggestion, Events& events);
  void finish(Generation& generation, Suggestion& suggestion, proto::FinishReason reason, Events& events);
  void finish_all(Generation& generation, proto::FinishReason reason, Events& events);
  void complete_finished(TimePoint now, Events& events);
  void complete(Generation& generation, TimePoint now, Events& events);
  void end_with_error(Generation& generation, proto::Error error, Events& events);

  void admit_warmup(Events& events);
  bool make_room_of_warmup(Events& events);
  void finish_warmup(Events& events);
  void expire_warmups(TimePoint now, Events& events);
  void end_warmup(WarmingPrompt& warming, proto::ErrorCode code, std::string message, Events& events);

  void learn(std::vector<TokenId> prompt, std::span<const TokenId> tokens, const Sequence& sequence);
  void remember(const Generation& generation);
  void remember(const Generation& generation, const Suggestion& suggestion);
  void remember_texts(Generation& generation);
  [[nodiscard]] int blocks_for(int positions) const;
  [[nodiscard]] int first_own_blocks(const Generation& generation) const;
  [[nodiscard]] int own_blocks(const Generation& generation) const;
  [[nodiscard]] Generation* find(RequestKey key);

  ModelShape shape_;
  const tokenizer::Tokenizer& tokenizer_;
  SchedulerOptions options_;
  Observer& observer_;
  BlockPool pool_;
  PrefixCache cache_;
  Sampler sampler_;
  HealingVocabulary vocabulary_;
  FairQueue queue_;                       // not started
  Generations running_;                   // started, in order of admission
  bool newcomers_ = false;                // some of queue_ have not been told that they wait
  std::list<WarmingPrompt> warmups_;      // in order of arrival; only the first may be admitted
  std::deque<CompletedTexts> completed_;  // oldest first
  std::size_t completed_tokens_ = 0;      // in completed_
  int sequences_ = 0;
  double rows_per_second_ = 0.0;                                         // of late
  std::chrono::duration<double, std::milli> token_time_{0};              // of late
  std::optional<std::chrono::duration<double, std::milli>> newest_gap_;  // between two tokens in this step
  StepBudget budget_;
  StepNumber steps_ = 0;
  TimePoint step_began_;
  Step step_;
  std::vector<SliceOwner> owners_;   // of step_.slices
  std::vector<SliceOwner> decodes_;  // kept for its memory
};

}  // namespace inkfleet::engine
