#include "gateway/relay.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "gateway/request_log.hpp"
#include "gateway/trace.hpp"
#include "proto/error_code.hpp"

namespace inkfleet::gateway {

namespace {

std::string prefill_id(Relay::Ticket ticket) {
  return fmt::format("p{}", ticket);
}

std::optional<Relay::Ticket> ticket_of(std::string_view id) {
  Relay::Ticket ticket = 0;
  if (!id.starts_with('r')) return std::nullopt;
  const auto [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), ticket);
  return error == std::errc{} ? std::optional(ticket) : std::nullopt;
}

/// The id a frame carries; null when it has none.
const std::string* id_of(const proto::ServerFrame& frame) {
  return std::visit(
      [](const auto& f) -> const std::string* {
        if constexpr (std::is_same_v<decltype(f.id), std::optional<std::string>>) {
          return f.id ? &*f.id : nullptr;
        } else {
          return &f.id;
        }
      },
      frame);
}

/// What must be equal for two services to give the same bytes.
std::string engine_of(const proto::Receipt& receipt) {
  const auto& engine = receipt.engine;
  return fmt::format("{}|{}|{}|{}|{}", receipt.weights, engine.version, engine.device, engine.dtype,
                     engine.instruction_set);
}

}  // namespace

Relay::Relay(RelayObserver& observer, std::uint64_t seed) : observer_(observer), random_(seed) {}

std::string Relay::service_id(Ticket ticket, int attempt) {
  return attempt == 0 ? fmt::format("r{}", ticket) : fmt::format("r{}.{}", ticket, attempt);
}

void Relay::add_upstream(const std::string& model, Upstream& upstream) {
  models_[model].add(upstream);
}

void Relay::remove_upstream(const std::string& model, const Upstream& upstream) {
  if (const auto found = models_.find(model); found != models_.end()) found->second.remove(upstream);
}

// ---- what askers want -------------------------------------------------------------------------------------

Relay::Ticket Relay::start(Order order, Clock::time_point now) {
  const Ticket ticket = ++last_ticket_;
  observer_.on_request_begun(order.model, order.door);
  budget_.on_request();
  auto& suggest = order.suggest;
  if (!suggest.seed) suggest.seed = random_() & static_cast<std::uint64_t>(proto::limits::kSeed.max);
  suggest.client = client_of(order.caller);
  suggest.traceparent =
      continue_trace(suggest.traceparent ? suggest.traceparent : order.caller.traceparent, random_);
  auto* upstream = choose(order.model, document_of(order), now);
  auto refused = refusal(order, upstream);
  callers_.enter(order.caller);
  auto id = std::exchange(suggest.id, service_id(ticket, 0));
  Progress progress(suggest);
  const auto at = live_
                      .emplace(ticket, Request{.order = std::move(order),
                                               .id = std::move(id),
                                               .progress = std::move(progress),
                                               .began = now,
                                               .last_frame = now})
                      .first;
  if (refused) {
    end_with_error(at, *std::move(refused), Outcome::kNeutral, now);
  } else {
    give(at, *upstream);
    upstream->send(at->second.order.suggest);
  }
  return ticket;
}

std::optional<proto::Error> Relay::refusal(const Order& order, const Upstream* upstream) const {
  if (!callers_.has_room(order.caller)) return too_many();
  return upstream ? std::nullopt : std::optional(no_service(order.model));
}

proto::Error Relay::too_many() const {
  return {.code = proto::ErrorCode::kOverloaded,
          .message = fmt::format("a caller may have {} requests running, the limit", callers_.limit()),
          .retry_after = kRetryLimited};
}

std::string Relay::document_of(const Order& order) {
  return order.suggest.document ? *order.suggest.document : order.document;
}

Upstream* Relay::choose(const std::string& model, std::string document, Clock::time_point now,
                        std::string engine) {
  if (retired(model)) return nullptr;
  return models_[model].choose({.document = std::move(document), .engine = std::move(engine)}, now);
}

proto::Error Relay::no_service(const std::string& model) const {
  if (retired(model)) {
    return {.code = proto::ErrorCode::kUnknownModel, .message = "this model is served no more"};
  }
  return {.code = proto::ErrorCode::kUnavailable,
          .message = "no service of this model is connected",
          .retry_after = kRetryUnavailable};
}

void Relay::cancel(Ticket ticket, std::optional<int> index) {
  const auto at = live_.find(ticket);
  if (at == live_.end()) return;
  auto& request = at->second;
  request.progress.cancel(index);
  if (request.upstream) request.upstream->send(proto::Cancel{request.order.suggest.id, index});
}

void Relay::abandon(Ticket ticket) {
  const auto at = live_.find(ticket);
  if (at == live_.end() || !at->second.order.answer) return;
  at->second.order.answer = nullptr;
  at->second.order.completed = nullptr;
  if (auto& parked = at->second.parked) {
    return end(at, std::move(parked->error), kAbandoned, Outcome::kNeutral, parked->since);
  }
  cancel(ticket);  // it stays on the books until the service has ended it
}

void Relay::accept(Ticket ticket, int index, int tokens) {
  const auto at = live_.find(ticket);
  if (at == live_.end() || !at->second.upstream) return;
  accept({at->second.upstream, at->second.order.suggest.id}, index, tokens);
}

void Relay::accept(const Served& served, int index, int tokens) {
  if (receipts_.contains(served.upstream) || find(served.upstream, &served.id) != live_.end()) {
    if (served.upstream->connected()) served.upstream->send(proto::Accept{served.id, index, tokens});
  }
}

std::optional<Relay::Ticket> Relay::prefill(PrefillOrder order, Clock::time_point now) {
  auto* upstream = choose(order.model, order.prefill.document, now);
  if (!upstream) return std::nullopt;
  const Ticket ticket = ++last_ticket_;
  const auto id = prefill_id(ticket);
  order.prefill.id = id;
  prefills_.add(*upstream, id, {std::move(order.answer), now});
  upstream->send(order.prefill);
  return ticket;
}

void Relay::drop_prefill(Ticket ticket) {
  prefills_.drop(prefill_id(ticket));
}

bool Relay::prefilling(Ticket ticket) const {
  return prefills_.contains(prefill_id(ticket));
}

// ---- what services say ------------------------------------------------------------------------------------

Relay::Live::iterator Relay::find(const Upstream* from, const std::string* id) {
  const auto ticket = id ? ticket_of(*id) : std::nullopt;
  const auto at = ticket ? live_.find(*ticket) : live_.end();
  const bool current = at != live_.end() && at->second.upstream == from && at->second.order.suggest.id == *id;
  return current ? at : live_.end();
}

void Relay::on_frame(const Upstream& from, proto::ServerFrame frame, Clock::time_point now) {
  if (auto* prefilled = std::get_if<proto::Prefilled>(&frame)) {
    return prefills_.answer(from, std::move(*prefilled));
  }
  const auto at = find(&from, id_of(frame));
  if (at == live_.end()) return;
  at->second.last_frame = now;
  std::visit(
      [&](auto&& f) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(f)>, proto::Prefilled>) {
          relay(at, std::forward<decltype(f)>(f), now);
        }
      },
      std::move(frame));
}

void Relay::answer(Request& request, proto::ServerFrame frame) {
  if (!request.order.answer) return;
  std::visit([&](auto& f) { f.id = request.id; }, frame);
  request.order.answer(std::move(frame));
}

void Relay::relay(Live::iterator at, proto::Queued frame, Clock::time_point) {
  if (at->second.progress.take(frame)) answer(at->second, std::move(frame));
}

void Relay::relay(Live::iterator at, proto::Started frame, Clock::time_point) {
  if (at->second.progress.take(frame)) answer(at->second, std::move(frame));
}

void Relay::relay(Live::iterator at, proto::Delta frame, Clock::time_point now) {
  auto& request = at->second;
  const bool had_text = request.progress.has_text();
  if (!request.progress.take(frame)) return;
  if (!had_text) observer_.on_first_text(request.order.model, now - request.began);
  answer(request, std::move(frame));
}

void Relay::relay(Live::iterator at, proto::Finished frame, Clock::time_point now) {
  if (frame.reason == proto::FinishReason::kFailed) {
    return move(at, "failed", Outcome::kFailed,
                {.code = proto::ErrorCode::kInternal, .message = "the service failed"}, now);
  }
  if (at->second.progress.take(frame)) answer(at->second, frame);
}

void Relay::relay(Live::iterator at, proto::Completed frame, Clock::time_point now) {
  auto& request = at->second;
  receipts_[request.upstream] = frame.receipt;
  models_[request.order.model].learn_engine(*request.upstream, engine_of(frame.receipt));
  if (request.order.completed) request.order.completed({request.upstream, request.order.suggest.id});
  frame.usage = request.progress.usage(frame.usage);
  end(at, std::move(frame), kCompleted, Outcome::kServed, now);
}

void Relay::relay(Live::iterator at, proto::Error frame, Clock::time_point now) {
  using enum proto::ErrorCode;
  auto& request = at->second;
  const auto code = frame.code;
  if (code == kInternal || code == kUnavailable) {
    return move(at, proto::name(code), Outcome::kFailed, std::move(frame), now);
  }
  if (code == kOverloaded && !request.progress.started() && !std::exchange(request.tried_elsewhere, true)) {
    return move(at, proto::name(code), Outcome::kNeutral, std::move(frame), now);
  }
  end_with_error(at, std::move(frame), code == kOverloaded ? Outcome::kNeutral : Outcome::kServed, now);
}

// ---- the end ----------------------------------------------------------------------------------------------

void Relay::end(Live::iterator at, proto::ServerFrame last, std::string_view outcome, Outcome service,
                Clock::time_point now) {
  Request request = std::move(at->second);
  live_.erase(at);  // first: an answer may start the next request
  callers_.leave(request.order.caller);
  if (!request.order.answer) outcome = kAbandoned;
  log_ended({.order = request.order,
             .id = request.id,
             .service = request.upstream ? request.upstream->name() : "",
             .outcome = outcome,
             .moves = request.moves,
             .took = now - request.began});
  leave(request, service, now);
  observer_.on_request_ended(request.order.model, request.order.door, outcome);
  if (request.progress.started()) {
    for (const int index : request.progress.open()) {
      answer(request, proto::Finished{.index = index, .reason = proto::FinishReason::kFailed});
    }
  }
  answer(request, std::move(last));
}

void Relay::end_with_error(Live::iterator at, proto::Error error, Outcome service, Clock::time_point now) {
  const auto outcome = proto::name(error.code);
  end(at, std::move(error), outcome, service, now);
}

// ---- what others want to know -----------------------------------------------------------------------------

bool Relay::serves(const std::string& model) const {
  const auto found = models_.find(model);
  return found != models_.end() && found->second.any_connected();
}

std::size_t Relay::outstanding(const Upstream& upstream) const {
  std::size_t sum = prefills_.count(upstream);
  for (const auto& [model, balancer] : models_) sum += balancer.outstanding(upstream);
  return sum;
}

}  // namespace inkfleet::gateway
