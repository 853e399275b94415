// How the relay takes requests from a service that is lost, fails or falls silent to another one.

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "gateway/relay.hpp"
#include "proto/limits.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::gateway {

namespace {

std::chrono::milliseconds since(Clock::time_point began, Clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - began);
}

/// A frame that a service would not take, closing the connection and with it what all others asked.
std::optional<proto::Error> too_large(const proto::Suggest& rest, std::size_t limit) {
  const auto bytes = proto::to_json(rest).size();
  if (bytes <= limit) return std::nullopt;
  return proto::Error{.code = proto::ErrorCode::kTooLarge,
                      .message = fmt::format("the service failed, and prompt and texts so far are {} bytes; "
                                             "what another one may be given to go on with, {}",
                                             bytes, limit)};
}

}  // namespace

// ---- from service to service ------------------------------------------------------------------------------

void Relay::give(Live::iterator at, Upstream& upstream) {
  at->second.upstream = &upstream;
  models_[at->second.order.model].begin(upstream);
}

void Relay::leave(Request& request, Outcome outcome, Clock::time_point now) {
  if (request.upstream) models_[request.order.model].end(*request.upstream, outcome, now);
  request.upstream = nullptr;
}

// Another service goes on with the request. Where none can, it ends with `error`, which is what happened.
void Relay::move(Live::iterator at, std::string_view why, Outcome outcome, proto::Error error,
                 Clock::time_point now) {
  auto& request = at->second;
  if (!request.order.answer) return end(at, std::move(error), kAbandoned, outcome, now);
  if (request.progress.open().empty()) return complete_without_service(at, now);
  if (request.moves == kMoves) {
    error = {.code = proto::ErrorCode::kInternal,
             .message = fmt::format("{} services failed at this request", kMoves + 1)};
    return end_with_error(at, std::move(error), outcome, now);
  }
  auto& balancer = models_[request.order.model];
  if (!balancer.any_connected() && !retired(request.order.model)) {
    return park(request, why, outcome, std::move(error), now);
  }
  auto* const next = balancer.choose({.document = document_of(request.order),
                                      .avoid = request.upstream,
                                      .engine = balancer.engine_of(*request.upstream)},
                                     now);
  if (!next || !budget_.take()) return end_with_error(at, std::move(error), outcome, now);
  leave(request, outcome, now);
  go_on(at, *next, why, now);
}

void Relay::go_on(Live::iterator at, Upstream& next, std::string_view why, Clock::time_point now) {
  auto& request = at->second;
  auto& suggest = request.order.suggest;
  suggest.id = service_id(at->first, request.moves + 1);
  auto rest = request.progress.rest(suggest, suggest.deadline - since(request.began, now));
  if (auto error = too_large(rest, service_frame_bytes_)) {
    return end_with_error(at, *std::move(error), Outcome::kNeutral, now);
  }
  observer_.on_request_moved(request.order.model, why);
  request.progress.move();
  request.last_frame = now;
  ++request.moves;
  give(at, next);
  next.send(std::move(rest));
  for (auto& cancel : request.progress.cancels(suggest.id)) next.send(cancel);
}

// A balancer that cuts what is old cuts all connections at once; they are back in a moment.
void Relay::park(Request& request, std::string_view why, Outcome outcome, proto::Error error,
                 Clock::time_point now) {
  auto engine = models_[request.order.model].engine_of(*request.upstream);
  leave(request, outcome, now);
  request.parked =
      Parked{.since = now, .why = std::string(why), .engine = std::move(engine), .error = std::move(error)};
}

// A service is there again, or it has waited for long enough.
void Relay::unpark(Ticket ticket, Clock::time_point now) {
  const auto at = live_.find(ticket);
  if (at == live_.end() || !at->second.parked) return;
  auto& request = at->second;
  auto parked = *std::exchange(request.parked, std::nullopt);
  auto* const next = choose(request.order.model, document_of(request.order), now, std::move(parked.engine));
  if (!next || !budget_.take()) return end_with_error(at, std::move(parked.error), Outcome::kNeutral, now);
  go_on(at, *next, parked.why, now);
}

// All suggestions had come to their end; only the service's last word is missing.
void Relay::complete_without_service(Live::iterator at, Clock::time_point now) {
  auto& request = at->second;
  request.progress.move();
  proto::Completed completed{.usage = request.progress.usage({}), .receipt = receipts_[request.upstream]};
  completed.receipt.seed = *request.order.suggest.seed;
  if (completed.receipt.model.empty()) completed.receipt.model = request.order.model;
  completed.timing.decode = static_cast<double>(since(request.began, now).count());
  end(at, std::move(completed), kCompleted, Outcome::kFailed, now);
}

// ---- how services are -------------------------------------------------------------------------------------

std::vector<Relay::Ticket> Relay::tickets_of(const Upstream& upstream) const {
  std::vector<Ticket> tickets;
  for (const auto& [ticket, request] : live_) {
    if (request.upstream == &upstream) tickets.push_back(ticket);
  }
  return tickets;
}

void Relay::on_connected(const Upstream& upstream, Clock::time_point now) {
  for (auto& [model, balancer] : models_) balancer.on_connected(upstream, now);
  std::vector<Ticket> parked;
  for (const auto& [ticket, request] : live_) {
    if (request.parked && serves(request.order.model)) parked.push_back(ticket);
  }
  for (const Ticket ticket : parked) unpark(ticket, now);
}

void Relay::on_lost(const Upstream& upstream, Clock::time_point now) {
  prefills_.drop_all(upstream);
  for (const Ticket ticket : tickets_of(upstream)) {
    const auto at = live_.find(ticket);
    if (at == live_.end() || at->second.upstream != &upstream) continue;
    move(at, "lost", Outcome::kFailed,
         {.code = proto::ErrorCode::kUnavailable,
          .message = "the service was lost while it answered",
          .retry_after = kRetryUnavailable},
         now);
  }
  receipts_.erase(&upstream);
}

void Relay::on_probe(const Upstream& upstream, bool well) {
  for (auto& [model, balancer] : models_) balancer.on_probe(upstream, well);
}

void Relay::tick(Clock::time_point now) {
  prefills_.drop_sent_until(now - kPrefillPatience);
  std::vector<Ticket> late, silent, parked;
  for (const auto& [ticket, request] : live_) {
    if (now >= request.began + request.order.suggest.deadline + kDeadlineGrace) {
      late.push_back(ticket);
    } else if (request.parked) {
      if (now >= request.parked->since + kReconnect) parked.push_back(ticket);
    } else if (now >= request.last_frame + kSilence &&
               models_[request.order.model].probe_fails(*request.upstream)) {
      silent.push_back(ticket);
    }
  }
  for (const Ticket ticket : late) end_late(ticket, now);
  for (const Ticket ticket : parked) unpark(ticket, now);
  for (const Ticket ticket : silent) move_silent(ticket, now);
}

void Relay::end_late(Ticket ticket, Clock::time_point now) {
  const auto at = live_.find(ticket);
  if (at == live_.end()) return;
  tell_service_to_stop(at->second);
  end_with_error(
      at, {.code = proto::ErrorCode::kDeadline, .message = "the service did not answer within the deadline"},
      Outcome::kFailed, now);
}

void Relay::move_silent(Ticket ticket, Clock::time_point now) {
  const auto at = live_.find(ticket);
  if (at == live_.end() || !at->second.upstream) return;
  tell_service_to_stop(at->second);
  move(at, "silent", Outcome::kFailed,
       {.code = proto::ErrorCode::kUnavailable,
        .message = "the service does not answer",
        .retry_after = kRetryUnavailable},
       now);
}

void Relay::tell_service_to_stop(const Request& request) {
  if (request.upstream) request.upstream->send(proto::Cancel{request.order.suggest.id, std::nullopt});
}

}  // namespace inkfleet::gateway
