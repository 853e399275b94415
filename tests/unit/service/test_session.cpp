#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <sstream>
#include <thread>

#include "model-service/service/service_app.hpp"
#include "model-service/service/session.hpp"
#include "model-service/service/token_texts.hpp"
#include "proto/serialize.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::service {
namespace {

using namespace std::chrono_literals;
using engine::testing::ByteTokenizer;
using engine::testing::CountingObserver;
using engine::testing::RememberingModel;
using proto::ErrorCode;
using proto::FinishReason;

class RecordingPeer : public net::WebSocketPeer {
 public:
  void send(proto::ServerFrame frame) override { frames.push_back(std::move(frame)); }
  void send_latest(std::string, std::string) override { FAIL() << "a service sends frames only"; }
  void close(net::CloseCode, std::string_view) override { closed = true; }

  template <typename Frame>
  std::vector<Frame> all() const {
    std::vector<Frame> found;
    for (const auto& frame : frames) {
      if (const auto* typed = std::get_if<Frame>(&frame)) found.push_back(*typed);
    }
    return found;
  }

  std::vector<proto::ServerFrame> frames;
  bool closed = false;
};

// A session on a real engine thread; the test's own thread is the I/O thread.
class SessionTest : public ::testing::Test {
 protected:
  SessionTest()
      : model(engine::testing::Bench::default_shape()),
        engine(
            model.shape(), *tokenizer, {.receipt = {.model = "gpt2-test"}}, observer,
            [this](engine::Events events) { arrive(std::move(events)); },
            [](const std::exception&) { return engine::StepFailure::kInternal; }),
        thread([this] { engine.run(model); }) {
    state.name = "gpt2-test";
    state.served =
        ServedModel{.tokenizer = tokenizer, .shape = model.shape(), .engine = &engine, .max_queue = 8};
    session = std::make_unique<Session>(peer, state);
  }

  ~SessionTest() override {
    engine.stop();
    thread.join();
  }

  void arrive(engine::Events events) {
    const std::lock_guard lock(mutex);
    for (auto& event : events) inbox.push_back(std::move(event));
    arrived.notify_one();
  }

  // Runs the I/O thread's part until the condition holds.
  template <typename Condition>
  [[nodiscard]] bool pump_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      engine::Events events;
      {
        std::unique_lock lock(mutex);
        if (!arrived.wait_until(lock, deadline, [this] { return !inbox.empty(); })) return false;
        events.swap(inbox);
      }
      state.dispatcher.deliver(std::move(events));
    }
    return true;
  }

  [[nodiscard]] bool pump_until_idle() {
    return pump_until([this] { return state.dispatcher.live() == 0; });
  }

  // Seeded, so that each test says the same every time: a text may end at any token.
  void suggest(proto::Suggest request) {
    request.seed = request.seed.value_or(7);
    session->on_text(proto::to_json(proto::ClientFrame(std::move(request))));
  }

  std::shared_ptr<ByteTokenizer> tokenizer = std::make_shared<ByteTokenizer>();
  CountingObserver observer;
  RememberingModel model;
  std::mutex mutex;
  std::condition_variable arrived;
  engine::Events inbox;
  engine::Engine engine;
  std::thread thread;
  ServiceState state;
  std::shared_ptr<RecordingPeer> peer = std::make_shared<RecordingPeer>();
  std::unique_ptr<Session> session;
};

TEST_F(SessionTest, AnswersARequestAndReportsTheSeedItDrew) {
  suggest({.id = "a", .prompt = "hello", .n = 2, .max_tokens = 5});
  ASSERT_TRUE(pump_until_idle());
  ASSERT_EQ(peer->all<proto::Started>().size(), 1U);
  ASSERT_EQ(peer->all<proto::Completed>().size(), 1U);
  EXPECT_EQ(peer->all<proto::Finished>().size(), 2U);
  EXPECT_EQ(peer->all<proto::Started>()[0].seed, peer->all<proto::Completed>()[0].receipt.seed);
  EXPECT_EQ(peer->all<proto::Started>()[0].model, "gpt2-test");
}

TEST_F(SessionTest, AnErrorEndsOnlyTheRequestItIsAbout) {
  suggest({.id = "good", .prompt = "hello", .max_tokens = 100});
  session->on_text(R"({"type":"suggest","id":"bad","prompt":"x","n":33})");
  session->on_text(R"({"type":"suggest","id":"k","prompt":"x","top_k":258})");
  session->on_text(R"({"type":"suggest","id":"r","prompt":"x","resume":[{"index":0,"tokens":[257]}]})");
  session->on_text(
      R"({"type":"suggest","id":"h","prompt":"x","heal":true,"resume":[{"index":0,"tokens":[65]}]})");
  session->on_text("no json");
  session->on_binary();
  const auto errors = peer->all<proto::Error>();
  ASSERT_EQ(errors.size(), 6U);
  EXPECT_EQ(errors[0].id, "bad");
  EXPECT_EQ(errors[0].field, "n");
  EXPECT_EQ(errors[1].field, "top_k");
  EXPECT_NE(errors[1].message.find("257"), std::string::npos) << "the limit is named";
  EXPECT_EQ(errors[2].field, "resume");
  EXPECT_EQ(errors[3].field, "resume");
  EXPECT_FALSE(errors[4].id.has_value());
  EXPECT_FALSE(errors[5].id.has_value());
  for (const auto& error : errors) EXPECT_EQ(error.code, ErrorCode::kBadRequest);
  ASSERT_TRUE(pump_until_idle());
  EXPECT_EQ(peer->all<proto::Completed>().size(), 1U);
}

// Deliberate break: log_error() for what is refused before the prompt is tokenized alone.
TEST_F(SessionTest, EachRefusedRequestHasItsLineInTheLog) {
  std::ostringstream said;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(said)));
  session->on_text(R"({"type":"suggest","id":"k","prompt":"x","top_k":258})");
  session->on_text(
      R"({"type":"suggest","id":"h","prompt":"x","heal":true,"resume":[{"index":0,"tokens":[65]}]})");
  spdlog::set_default_logger(before);
  EXPECT_EQ(peer->all<proto::Error>().size(), 2U);
  const auto log = said.str();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << log;
}

// Deliberate break: a session that tokenizes the (empty) text instead starts from one token.
TEST_F(SessionTest, APromptOfIdsIsTakenAsItIsAndSpelled) {
  suggest({.id = "ids", .prompt_ids = std::vector<proto::TokenId>{'h', 'i', 0xC3}, .max_tokens = 2});
  suggest({.id = "text", .prompt = "hi", .max_tokens = 2});
  session->on_text(R"({"type":"suggest","id":"beyond","prompt_ids":[1,258]})");
  const auto errors = peer->all<proto::Error>();
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].field, "prompt_ids");
  EXPECT_NE(errors[0].message.find("ends at 256"), std::string::npos) << errors[0].message;
  ASSERT_TRUE(pump_until_idle());
  for (const auto& started : peer->all<proto::Started>()) {
    EXPECT_EQ(started.prompt_tokens, started.id == "ids" ? 3 : 2);
    EXPECT_EQ(started.prompt, started.id == "ids" ? std::optional<std::string>("hi\uFFFD") : std::nullopt);
  }
}

TEST_F(SessionTest, LogProbabilitiesComeWithTheTextsOfTheirTokens) {
  suggest({.id = "a", .prompt = "hello", .max_tokens = 3, .logprobs = 2});
  ASSERT_TRUE(pump_until_idle());
  for (const auto& delta : peer->all<proto::Delta>()) {
    ASSERT_EQ(delta.logprobs.size(), delta.tokens.size());
    for (std::size_t i = 0; i < delta.tokens.size(); ++i) {
      EXPECT_EQ(delta.logprobs[i].text, token_text(*tokenizer, delta.tokens[i]));
      ASSERT_EQ(delta.logprobs[i].top_texts.size(), 2U);
      EXPECT_EQ(delta.logprobs[i].top_texts[1], token_text(*tokenizer, delta.logprobs[i].top[1].first));
    }
  }
  EXPECT_EQ(token_text(*tokenizer, 'h'), "h");
  EXPECT_EQ(token_text(*tokenizer, 0xE2), "bytes:\\xe2");
}

TEST_F(SessionTest, ADuplicateIdDoesNotEndTheLiveRequest) {
  suggest({.id = "a", .prompt = "hello", .max_tokens = 100});
  suggest({.id = "a", .prompt = "other"});
  session->on_text(R"({"type":"suggest","id":"a","prompt":"x","n":33})");
  const auto errors = peer->all<proto::Error>();
  ASSERT_EQ(errors.size(), 2U);
  for (const auto& error : errors) {
    EXPECT_FALSE(error.id.has_value());
    EXPECT_EQ(error.frame, "suggest");
  }
  EXPECT_EQ(errors[0].field, "id");
  ASSERT_TRUE(pump_until_idle());
  EXPECT_EQ(peer->all<proto::Completed>().size(), 1U);
  suggest({.id = "a", .prompt = "free again", .max_tokens = 2});
  ASSERT_TRUE(pump_until_idle());
  EXPECT_EQ(peer->all<proto::Completed>().size(), 2U);
}

// Break: leave out supersede(), and the older request runs to its length.
TEST_F(SessionTest, ANewerRequestOfTheSameDocumentSupersedesTheOlder) {
  std::promise<void> release;
  model.before_step = [released = release.get_future().share()] { released.wait(); };
  suggest({.id = "old", .prompt = "hello", .document = "d", .max_tokens = 120, .seed = 1});
  suggest({.id = "other", .prompt = "hello", .document = "e", .max_tokens = 3});
  suggest({.id = "new", .prompt = "hello", .document = "d", .max_tokens = 3});
  release.set_value();
  ASSERT_TRUE(pump_until_idle());
  for (const auto& finished : peer->all<proto::Finished>()) {
    EXPECT_EQ(finished.reason, finished.id == "old" ? FinishReason::kCancelled : FinishReason::kLength)
        << finished.id;
  }
  EXPECT_EQ(peer->all<proto::Completed>().size(), 3U);
}

// Break: ask Backlog::has_place for an empty name in overload(): the other client is refused too.
TEST_F(SessionTest, AFullQueueRefusesWhoFilledItAtOnceAndTakesOthers) {
  std::promise<void> held, release;
  model.before_step = [&, first = true, released = release.get_future().share()]() mutable {
    if (std::exchange(first, false)) held.set_value();
    released.wait();
  };
  suggest({.id = "first", .prompt = "holds the engine", .client = "flood", .max_tokens = 2});
  held.get_future().wait();
  for (int i = 0; i < 8; ++i) {
    suggest({.id = std::to_string(i), .prompt = "hello", .client = "flood", .max_tokens = 2});
  }
  ASSERT_EQ(peer->all<proto::Error>().size(), 1U);
  EXPECT_EQ(peer->all<proto::Error>()[0].id, "7");
  EXPECT_EQ(peer->all<proto::Error>()[0].code, ErrorCode::kOverloaded);
  suggest({.id = "other", .prompt = "hello", .client = "other", .max_tokens = 2});
  Session elsewhere(peer, state);
  elsewhere.on_text(R"({"type":"suggest","id":"nameless","prompt":"hello","max_tokens":2})");
  EXPECT_EQ(peer->all<proto::Error>().size(), 1U);
  release.set_value();
  ASSERT_TRUE(pump_until_idle());
  EXPECT_EQ(peer->all<proto::Completed>().size(), 10U);
}

TEST_F(SessionTest, APrefillIsAnsweredAndWarmsTheNextRequest) {
  session->on_text(R"({"type":"prefill","document":"d","prompt":"hello world","id":"p"})");
  ASSERT_TRUE(pump_until_idle());
  const auto answers = peer->all<proto::Prefilled>();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].document, "d");
  EXPECT_EQ(answers[0].id, "p");
  EXPECT_EQ(answers[0].prompt_tokens, 11);
  suggest({.id = "a", .prompt = "hello world", .document = "d", .max_tokens = 2});
  ASSERT_TRUE(pump_until_idle());
  EXPECT_EQ(peer->all<proto::Started>().at(0).cached_tokens, 10);
}

// Break: leave out drop_prefill() in either handler, and the older one is answered too.
TEST_F(SessionTest, ANewerFrameOfTheDocumentDropsAPrefill) {
  std::promise<void> release;
  model.before_step = [released = release.get_future().share()] { released.wait(); };
  suggest({.id = "first", .prompt = "holds the engine", .max_tokens = 2});
  session->on_text(R"({"type":"prefill","document":"d","prompt":"one"})");
  session->on_text(R"({"type":"prefill","document":"d","prompt":"two!"})");
  session->on_text(R"({"type":"prefill","document":"e","prompt":"three"})");
  suggest({.id = "a", .prompt = "three", .document = "e", .max_tokens = 2});
  release.set_value();
  ASSERT_TRUE(pump_until_idle());
  const auto answers = peer->all<proto::Prefilled>();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].prompt_tokens, 4);
  EXPECT_EQ(peer->all<proto::Completed>().size(), 2U);
}

TEST_F(SessionTest, AcceptStopsTheSiblingsOfALiveRequestOnly) {
  std::promise<void> release;
  model.before_step = [released = release.get_future().share()] { released.wait(); };
  suggest({.id = "a", .prompt = "hello", .n = 3, .max_tokens = 50});
  session->on_text(R"({"type":"accept","id":"a","index":1,"tokens":2})");
  session->on_text(R"({"type":"accept","id":"nobody","index":1,"tokens":2})");
  release.set_value();
  ASSERT_TRUE(pump_until_idle());
  for (const auto& finished : peer->all<proto::Finished>()) {
    EXPECT_EQ(finished.reason, finished.index == 1 ? FinishReason::kLength : FinishReason::kCancelled);
  }
  const auto frames = peer->frames.size();
  session->on_text(R"({"type":"accept","id":"a","index":1,"tokens":50})");
  suggest({.id = "b", .prompt = "x", .max_tokens = 1});
  ASSERT_TRUE(pump_until_idle());
  EXPECT_EQ(peer->all<proto::Error>().size(), 0U);
  EXPECT_GT(peer->frames.size(), frames);
}

// The text goes on after what was typed, and the tokens spell it from where heal began.
TEST_F(SessionTest, HealSpellsTheLastTokenAgain) {
  suggest({.id = "a", .prompt = "hello", .max_tokens = 6, .seed = 4, .heal = true});
  ASSERT_TRUE(pump_until_idle());
  std::string text, bytes;
  for (const auto& delta : peer->all<proto::Delta>()) {
    text += delta.text;
    for (const auto token : delta.tokens) bytes += tokenizer->token_bytes(token);
  }
  EXPECT_EQ(peer->all<proto::Started>().at(0).prompt_tokens, 4);
  EXPECT_EQ(bytes, "o" + text);
  EXPECT_EQ(text.size(), 5U);
}

TEST_F(SessionTest, CancelOfAnUnknownIdHasNoAnswer) {
  session->on_text(R"({"type":"cancel","id":"nobody"})");
  EXPECT_TRUE(peer->frames.empty());
}

TEST_F(SessionTest, AClosedConnectionStopsItsRequests) {
  suggest({.id = "a", .prompt = "hello", .n = 4, .max_tokens = 120});
  ASSERT_TRUE(pump_until([this] { return !peer->all<proto::Started>().empty(); }));
  session->on_closed();
  session.reset();
  EXPECT_EQ(state.dispatcher.live(), 0U);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (engine.load().running > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(engine.load().running, 0);
  EXPECT_EQ(engine.load().blocks_used, 0);
}

TEST_F(SessionTest, WhileLoadingAndDrainingItIsUnavailable) {
  state.draining = true;
  suggest({.id = "a", .prompt = "x"});
  const auto served = std::exchange(state.served, std::nullopt);
  suggest({.id = "b", .prompt = "x"});
  const auto errors = peer->all<proto::Error>();
  ASSERT_EQ(errors.size(), 2U);
  for (const auto& error : errors) {
    EXPECT_EQ(error.code, ErrorCode::kUnavailable);
    EXPECT_TRUE(error.retry_after.has_value());
  }
}

TEST_F(SessionTest, AnEmptyPromptStartsFromTheEndOfTextToken) {
  suggest({.id = "a", .prompt = "", .max_tokens = 3});
  ASSERT_TRUE(pump_until_idle());
  EXPECT_EQ(peer->all<proto::Completed>().at(0).usage.prompt_tokens, 1);
}

TEST(OpenDoor, IsAnAddressOfOthersWithoutKeys) {
  const auto address = [](const char* text) { return boost::asio::ip::make_address(text); };
  for (const auto* others : {"0.0.0.0", "::", "192.0.2.1"}) {
    EXPECT_TRUE(is_open_to_all(address(others), false)) << others;
    EXPECT_FALSE(is_open_to_all(address(others), true)) << others;
  }
  EXPECT_FALSE(is_open_to_all(address("127.0.0.1"), false));
  EXPECT_FALSE(is_open_to_all(address("::1"), false));
}

}  // namespace
}  // namespace inkfleet::service
