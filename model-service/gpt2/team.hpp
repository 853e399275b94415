#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace inkfleet::gpt2 {

/// Threads that go through the stages of a step together. A parallel region for every stage would cost more
/// than many stages do; a team enters one region a step and meets at a barrier of its own between stages.
class Team {
 public:
  class Worker;

  /// `threads` of OpenMP's pool, the calling thread among them.
  explicit Team(int threads);
  ~Team();

  /// Calls work(worker) on every thread and returns when all have come back. `work` must not throw, and all
  /// workers must come by the same stages. One caller at a time, always on the same thread.
  void run(const std::function<void(Worker&)>& work);

  [[nodiscard]] int threads() const { return threads_; }

 private:
  /// Items that nobody has begun: the first in the upper half of the bits, the one behind the last in the
  /// lower.
  struct alignas(64) Range {
    std::atomic<std::uint64_t> items;
  };
  struct Barrier;

  int threads_;
  std::unique_ptr<Range[]> ranges_;  ///< [2][threads]: of this stage and the next one
  std::unique_ptr<Barrier> barrier_;
};

/// One thread's part in it.
class Team::Worker {
 public:
  [[nodiscard]] int rank() const { return rank_; }

  /// The first item of this thread's share of so many.
  [[nodiscard]] int share_of(int items) const {
    return static_cast<int>(std::int64_t{items} * rank_ / threads_);
  }
  /// The one behind the last.
  [[nodiscard]] int share_end(int items) const {
    return static_cast<int>(std::int64_t{items} * (rank_ + 1) / threads_);
  }

  /// A stage: calls f(item) for 0 to `items`, each on one thread: those of its own share in order, then what
  /// others have left, from the back. Only the second half of a share can be had by others: taking an item
  /// from what others may take holds up the memory's pipeline. Begins when all threads have ended the stage
  /// before.
  template <class Function>
  void share(int items, const Function& f) {
    const int middle = begin_stage(items);
    for (int item = share_of(items); item < middle; ++item) f(item);
    for (int item = take_own(); item >= 0; item = take_own()) f(item);
    for (int other = 1; other < threads_; ++other) {
      const int victim = (rank_ + other) % threads_;
      for (int item = steal(victim); item >= 0; item = steal(victim)) f(item);
    }
  }

 private:
  friend class Team;
  Worker(Team& team, int rank, int threads) : team_(team), rank_(rank), threads_(threads) {}

  int begin_stage(int items);
  int take_own();
  int steal(int victim);
  [[nodiscard]] std::atomic<std::uint64_t>& range(int rank) const;

  Team& team_;
  int rank_;
  int threads_;
  int parity_ = 0;
};

}  // namespace inkfleet::gpt2
