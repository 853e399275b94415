// In int8 a service promises `exact`: the same bytes whatever else runs, cold or warm, resumed or not, with
// any number of threads. Here the real scheduler drives the real model through arrivals, cancels,
// superseding, prefills, accepts and resumes, and every token and character is compared with the request run
// alone.
//
// Turns red when: Int8Linear gives all rows the scale of the step's first; attention splits its tiles by the
// number of queries; start_suggestion leaves out the copy of the prompt's last block; the sampler's uniform
// takes the step's row for the suggestion's index; a superseded prompt that was fed in part is remembered
// whole; a resumed text leaves out a character, or counts its tokens from 0.

#include <fstream>
#include <random>

#include "model-service/gpt2/cpu_model.hpp"
#include "tests/unit/engine/fakes.hpp"
#include "tokenizer/stream_decoder.hpp"

namespace inkfleet {
namespace {

using engine::RequestKey;
using engine::SchedulerOptions;
using engine::TokenId;
using engine::testing::Transcript;

const std::filesystem::path kSource = INKFLEET_SOURCE_DIR;
const std::filesystem::path kModel = kSource / "models/gpt2-demo";

std::string read_text() {
  std::ifstream stream(kSource / "tests/data/texts/northanger-abbey-excerpt.txt");
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::unique_ptr<gpt2::CpuModel> load(int threads, std::size_t kv_mib) {
  return gpt2::load_model(kModel, {.dtype = gpt2::ComputeType::kInt8,
                                   .kv_dtype = gpt2::KvType::kInt8,
                                   .threads = threads,
                                   .kv_bytes = kv_mib << 20U});
}

/// What a request asks for, tokenized.
struct Wish {
  proto::Suggest suggest;
  std::vector<TokenId> prompt;
  std::string spell_again;
};

/// A scheduler on a model, with a clock that nothing depends on.
class Service {
 public:
  Service(gpt2::CpuModel& model, const tokenizer::Tokenizer& tokenizer, SchedulerOptions options)
      : model_(model), scheduler_(model.shape(), tokenizer, std::move(options), observer) {}

  RequestKey submit(const Wish& wish) {
    const RequestKey key = ++last_key_;
    heard([&](auto& events) {
      scheduler_.submit({.key = key,
                         .suggest = wish.suggest,
                         .prompt = wish.prompt,
                         .spell_again = wish.spell_again,
                         .submitted = now_},
                        now_, events);
    });
    return key;
  }
  void prefill(const std::vector<TokenId>& prompt) {
    heard([&](auto& events) {
      scheduler_.submit(
          engine::Warmup{.key = ++last_key_, .document = "", .id = {}, .prompt = prompt, .submitted = now_},
          events);
    });
  }
  void cancel(RequestKey key) {
    heard([&](auto& events) { scheduler_.cancel(key, std::nullopt, scheduler_.steps(), now_, events); });
  }
  void accept(RequestKey key, int index) {
    heard([&](auto& events) { scheduler_.accept(key, index, 3, now_, events); });
  }
  void step() {
    heard([&](auto& events) {
      const auto& step = scheduler_.plan(now_, events);
      if (step.empty()) return;
      for (const auto& [from, to] : step.copies) model_.copy_block(from, to);
      scheduler_.commit(model_.step(step.slices), now_, events);
    });
  }
  void run() {
    for (int steps = 0; !scheduler_.idle(); ++steps) {
      ASSERT_LT(steps, 100000) << "the scheduler does not come to an end";
      step();
    }
  }
  const Transcript& transcript(RequestKey key) { return transcripts_[key]; }
  [[nodiscard]] int blocks_used() const { return scheduler_.load().blocks_used; }

  engine::testing::CountingObserver observer;

 private:
  template <typename Act>
  void heard(Act act) {
    engine::Events events;
    act(events);
    for (const auto& event : events) transcripts_[event.key].add(event.frame);
  }

  gpt2::CpuModel& model_;
  engine::Scheduler scheduler_;
  std::map<RequestKey, Transcript> transcripts_;
  engine::TimePoint now_{std::chrono::seconds(1)};
  RequestKey last_key_ = 0;
};

struct Churn {
  int threads;
  int max_sequences;
  int prefill_rows;
  int prefill_burst;
  std::size_t kv_mib;  ///< 4 holds two and a half contexts
  bool prefix_cache;
};

void PrintTo(const Churn& churn, std::ostream* out) {
  *out << churn.threads << " threads, " << churn.max_sequences << " sequences, chunks of "
       << churn.prefill_rows << " and " << churn.prefill_burst << ", " << churn.kv_mib << " MiB"
       << (churn.prefix_cache ? "" : ", cold");
}

/// Texts that grow as if typed, with their answers when nothing else runs: one request after the other, one
/// thread, no prefix cache.
class Alone {
 public:
  static constexpr std::size_t kPauses = 9;

  Alone() : tokenizer(tokenizer::load_tokenizer(kModel)) {
    const auto model = load(1, 8);
    Service service(*model, *tokenizer, {.prefix_cache = false});
    const auto text = read_text();
    std::mt19937 random(3);
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<>(low, high)(random); };
    for (int document = 0; document < 5; ++document) {
      const auto begin = static_cast<std::size_t>(pick(0, 100'000));
      for (int pause = 0; pause < static_cast<int>(kPauses); ++pause) {
        const auto size = static_cast<std::size_t>(200 + document * 100 + pause * pick(1, 12));
        wishes.push_back(make_wish(text.substr(begin, size), pick));
        const auto key = service.submit(wishes.back());
        service.run();
        answers.push_back(service.transcript(key));
      }
    }
  }

  /// The request, as if its connection had been lost after any number of tokens of each suggestion.
  Wish resumed(std::size_t which, std::mt19937& random) const {
    Wish wish = wishes[which];
    wish.suggest.resume.emplace();
    for (const auto& [index, suggestion] : answers[which].suggestions) {
      const auto taken = std::uniform_int_distribution<std::size_t>(0, suggestion.tokens.size())(random);
      wish.suggest.resume->push_back(
          {index,
           {suggestion.tokens.begin(), suggestion.tokens.begin() + static_cast<std::ptrdiff_t>(taken)}});
    }
    return wish;
  }

  /// The whole characters that a suggestion's first tokens make, less what they spell again of the prompt.
  std::string text(std::size_t which, std::span<const TokenId> tokens) const {
    std::string bytes;
    for (const auto token : tokens) bytes += tokenizer->token_bytes(token);
    std::string whole;
    tokenizer::StreamDecoder().push(bytes.substr(std::min(bytes.size(), wishes[which].spell_again.size())),
                                    whole);
    return whole;
  }

  /// The writer of this text pauses once more.
  bool typed_on(std::size_t which) const { return (which + 1) % kPauses != 0; }

  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
  std::vector<Wish> wishes;
  std::vector<Transcript> answers;

 private:
  template <typename Pick>
  Wish make_wish(const std::string& prompt, Pick& pick) const {
    Wish wish{.suggest = {.prompt = prompt,
                          .n = pick(1, 5),
                          .max_tokens = pick(1, 24),
                          .temperature = pick(0, 4) == 0 ? 0.0 : 0.9,
                          .top_k = pick(0, 1) * 12,
                          .top_p = pick(0, 2) == 0 ? 0.9 : 0.0,
                          .seed = static_cast<std::uint64_t>(pick(0, 1 << 30)),
                          .heal = pick(0, 3) == 0},
              .prompt = tokenizer->encode(prompt)};
    if (wish.suggest.heal) wish.spell_again = engine::take_back(wish.prompt, *tokenizer);
    return wish;
  }
};

const Alone& alone() {
  static const Alone instance;
  return instance;
}

class Exactness : public ::testing::TestWithParam<Churn> {
 protected:
  struct Asked {
    RequestKey key;
    std::size_t which;
    std::vector<proto::ResumePoint> had;  // tokens the client had before
    bool cut_short = false;
  };

  static std::vector<TokenId> tokens_before(const Asked& asked, int index) {
    for (const auto& point : asked.had) {
      if (point.index == index) return point.tokens;
    }
    return {};
  }

  // All its tokens and text, or those it got before it was cut short, are those of the request alone. Returns
  // how many tokens.
  static std::size_t expect_same(const Asked& asked, const Transcript& heard) {
    std::size_t compared = 0;
    const auto& expected = alone().answers[asked.which];
    EXPECT_TRUE(heard.ended());
    EXPECT_TRUE(heard.errors.empty());
    EXPECT_EQ(heard.suggestions.size(), expected.suggestions.size());
    for (const auto& [index, found] : heard.suggestions) {
      const auto& suggestion = expected.suggestions.at(index);
      auto tokens = tokens_before(asked, index);
      EXPECT_EQ(found.offset.value_or(tokens.size()), tokens.size());
      const auto text = alone().text(asked.which, tokens) + found.text;
      tokens.insert(tokens.end(), found.tokens.begin(), found.tokens.end());
      if (asked.cut_short && found.finished == std::vector{proto::FinishReason::kCancelled}) {
        EXPECT_LE(tokens.size(), suggestion.tokens.size());
        EXPECT_TRUE(std::equal(tokens.begin(), tokens.end(), suggestion.tokens.begin()));
        EXPECT_EQ(text, alone().text(asked.which, tokens));
        EXPECT_TRUE(suggestion.text.starts_with(text));
      } else {
        EXPECT_EQ(tokens, suggestion.tokens);
        EXPECT_EQ(text, suggestion.text);
        EXPECT_EQ(found.finished, suggestion.finished);
      }
      compared += tokens.size();
    }
    return compared;
  }
};

TEST_P(Exactness, HoldsUnderChurn) {
  const auto& [threads, max_sequences, prefill_rows, prefill_burst, kv_mib, prefix_cache] = GetParam();
  const auto model = load(threads, kv_mib);
  Service service(*model, *alone().tokenizer,
                  {.max_sequences = max_sequences,
                   .prefill_rows = prefill_rows,
                   .prefill_burst = prefill_burst,
                   .prefix_cache = prefix_cache});
  std::mt19937 random(static_cast<unsigned>(threads * 1000 + max_sequences * 10 + prefill_rows));
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<>(low, high)(random); };
  std::vector<Asked> asked;
  const auto cut = [&](Asked& victim) {
    service.cancel(victim.key);
    victim.cut_short = true;
  };
  int superseded = 0;
  for (int i = 0; i < 70; ++i) {
    auto which = static_cast<std::size_t>(pick(0, static_cast<int>(alone().wishes.size()) - 1));
    if (!asked.empty() && alone().typed_on(asked.back().which) && pick(0, 2) == 0) {
      // The next of the same document: the older one is cancelled, and no step comes between.
      which = asked.back().which + 1;
      if (!service.transcript(asked.back().key).ended()) ++superseded;
      cut(asked.back());
    }
    if (pick(0, 4) == 0) service.prefill(alone().wishes[which].prompt);
    if (pick(0, 3) == 0) {
      const auto wish = alone().resumed(which, random);
      asked.push_back({service.submit(wish), which, *wish.suggest.resume});
    } else {
      asked.push_back({service.submit(alone().wishes[which]), which, {}});
    }
    for (int steps = pick(0, 2 * prefill_rows > 8 ? 8 : 40); steps > 0; --steps) service.step();
    auto& victim = asked[static_cast<std::size_t>(pick(0, static_cast<int>(asked.size()) - 1))];
    const int fate = pick(0, 9);
    if (fate == 0) cut(victim);
    if (fate == 1) {
      service.accept(victim.key, 0);
      victim.cut_short = true;
    }
  }
  service.run();
  EXPECT_EQ(service.blocks_used(), 0);
  std::size_t compared = 0;
  int cached = 0;
  for (const auto& one : asked) {
    compared += expect_same(one, service.transcript(one.key));
    if (!service.transcript(one.key).started.empty())
      cached += service.transcript(one.key).started[0].cached_tokens;
    if (HasFailure())
      FAIL() << "request " << one.which << " with seed " << *alone().wishes[one.which].suggest.seed;
  }
  EXPECT_GT(compared, 500U);
  EXPECT_GT(superseded, 5);
  if (prefix_cache) {
    EXPECT_GT(cached, 500) << "the prefix cache was never used";
  }
}

INSTANTIATE_TEST_SUITE_P(Schedules, Exactness,
                         ::testing::Values(Churn{1, 1, 64, 512, 32, true}, Churn{1, 32, 7, 16, 4, true},
                                           Churn{2, 7, 1, 3, 32, true}, Churn{2, 32, 128, 512, 8, true},
                                           Churn{3, 7, 7, 64, 4, true}, Churn{3, 32, 5, 128, 32, false}));

}  // namespace
}  // namespace inkfleet
