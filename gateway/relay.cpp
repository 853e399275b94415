#include "gateway/relay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "proto/error_code.hpp"
#include "proto/limits.hpp"

namespace inkfleet::gateway {

namespace {

constexpr std::string_view kCompleted = "completed";
constexpr std::string_view kAbandoned = "abandoned";

std::string service_id(Relay::Ticket ticket) {
  return fmt::format("r{}", ticket);
}

std::string prefill_id(Relay::Ticket ticket) {
  return fmt::format("p{}", ticket);
}

std::optional<Relay::Ticket> ticket_of(std::string_view id) {
  Relay::Ticket ticket = 0;
  if (!id.starts_with('r')) return std::nullopt;
  const auto [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), ticket);
  return error == std::errc{} && end == id.data() + id.size() ? std::optional(ticket) : std::nullopt;
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

/// The suggestions a request produces.
std::set<int> indices_of(const proto::Suggest& suggest) {
  std::set<int> indices;
  if (suggest.resume) {
    for (const auto& point : *suggest.resume) indices.insert(point.index);
  } else {
    for (int i = 0; i < suggest.n; ++i) indices.insert(i);
  }
  return indices;
}

}  // namespace

Relay::Relay(RelayObserver& observer, std::uint64_t seed) : observer_(observer), random_(seed) {}

void Relay::add_model(const std::string& model, std::vector<Upstream*> upstreams) {
  for (const auto* upstream : upstreams) outstanding_[upstream] = 0;
  models_[model] = std::move(upstreams);
}

Relay::Ticket Relay::start(Order order, Clock::time_point now) {
  const Ticket ticket = ++last_ticket_;
  observer_.on_request_begun(order.model, order.door);
  auto* upstream = affinity_.choose(order.suggest.document.value_or(""), connected(order.model));
  Request request{.order = std::move(order), .upstream = upstream, .began = now};
  auto& suggest = request.order.suggest;
  request.id = std::exchange(suggest.id, service_id(ticket));
  request.open = indices_of(suggest);
  if (!suggest.seed) suggest.seed = random_() & static_cast<std::uint64_t>(proto::limits::kSeed.max);
  const auto at = live_.emplace(ticket, std::move(request)).first;
  if (upstream) {
    ++outstanding_[upstream];
    upstream->send(at->second.order.suggest);
  } else {
    end_with_error(at, proto::ErrorCode::kUnavailable, "no service of this model is connected",
                   kRetryUnavailable);
  }
  return ticket;
}

std::vector<Affinity::Candidate> Relay::connected(const std::string& model) const {
  std::vector<Affinity::Candidate> candidates;
  const auto found = models_.find(model);
  if (found == models_.end()) return candidates;
  for (auto* upstream : found->second) {
    if (upstream->connected()) candidates.push_back({upstream, outstanding(*upstream)});
  }
  return candidates;
}

void Relay::cancel(Ticket ticket, std::optional<int> index) {
  const auto at = live_.find(ticket);
  if (at == live_.end()) return;
  at->second.upstream->send(proto::Cancel{service_id(ticket), index});
}

void Relay::abandon(Ticket ticket) {
  const auto at = live_.find(ticket);
  if (at == live_.end() || !at->second.order.answer) return;
  at->second.order.answer = nullptr;
  at->second.order.completed = nullptr;  // it stays on the books until the service has ended it
  at->second.upstream->send(proto::Cancel{service_id(ticket), std::nullopt});
}

void Relay::accept(Ticket ticket, int index, int tokens) {
  const auto at = live_.find(ticket);
  if (at != live_.end()) accept({at->second.upstream, service_id(ticket)}, index, tokens);
}

void Relay::accept(const Served& served, int index, int tokens) {
  if (served.upstream->connected()) served.upstream->send(proto::Accept{served.id, index, tokens});
}

std::optional<Relay::Ticket> Relay::prefill(PrefillOrder order, Clock::time_point now) {
  auto* upstream = affinity_.choose(order.prefill.document, connected(order.model));
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

Relay::Live::iterator Relay::find(const Upstream& from, const std::string* id) {
  const auto ticket = id ? ticket_of(*id) : std::nullopt;
  const auto at = ticket ? live_.find(*ticket) : live_.end();
  return at != live_.end() && at->second.upstream == &from ? at : live_.end();
}

void Relay::on_frame(const Upstream& from, proto::ServerFrame frame, Clock::time_point now) {
  if (auto* prefilled = std::get_if<proto::Prefilled>(&frame)) {
    return prefills_.answer(from, std::move(*prefilled));
  }
  const auto at = find(from, id_of(frame));
  if (at == live_.end()) return;
  std::visit(
      [&](auto&& f) {
        using Frame = std::decay_t<decltype(f)>;
        if constexpr (std::is_same_v<Frame, proto::Delta>) {
          relay(at, std::move(f), now);
        } else if constexpr (!std::is_same_v<Frame, proto::Prefilled>) {
          relay(at, std::move(f));
        }
      },
      std::move(frame));
}

void Relay::answer(Request& request, proto::ServerFrame frame) {
  if (!request.order.answer) return;
  std::visit([&](auto& f) { f.id = request.id; }, frame);
  request.order.answer(std::move(frame));
}

void Relay::relay(Live::iterator at, proto::Queued frame) {
  if (!at->second.started) answer(at->second, std::move(frame));
}

void Relay::relay(Live::iterator at, proto::Started frame) {
  auto& request = at->second;
  if (std::exchange(request.started, true)) return;
  answer(request, std::move(frame));
}

void Relay::relay(Live::iterator at, proto::Delta frame, Clock::time_point now) {
  auto& request = at->second;
  if (!request.started || !request.open.contains(frame.index)) return;
  if (!std::exchange(request.has_text, true))
    observer_.on_first_text(request.order.model, now - request.began);
  answer(request, std::move(frame));
}

void Relay::relay(Live::iterator at, proto::Finished frame) {
  if (at->second.open.erase(frame.index) == 1) answer(at->second, frame);
}

void Relay::relay(Live::iterator at, proto::Completed frame) {
  auto& request = at->second;
  if (request.order.completed) request.order.completed({request.upstream, service_id(at->first)});
  end(at, std::move(frame), kCompleted);
}

void Relay::relay(Live::iterator at, proto::Error frame) {
  const auto outcome = proto::name(frame.code);
  end(at, std::move(frame), outcome);
}

void Relay::end(Live::iterator at, proto::ServerFrame last, std::string_view outcome) {
  Request request = std::move(at->second);
  live_.erase(at);  // first: an answer may start the next request
  if (request.upstream) --outstanding_[request.upstream];
  observer_.on_request_ended(request.order.model, request.order.door,
                             request.order.answer ? outcome : kAbandoned);
  for (const int index : request.started ? request.open : std::set<int>{}) {
    answer(request, proto::Finished{.index = index, .reason = proto::FinishReason::kFailed});
  }
  answer(request, std::move(last));
}

void Relay::end_with_error(Live::iterator at, proto::ErrorCode code, std::string message,
                           std::optional<std::chrono::milliseconds> retry_after) {
  end(at, proto::Error{.code = code, .message = std::move(message), .retry_after = retry_after},
      proto::name(code));
}

void Relay::on_lost(const Upstream& upstream) {
  prefills_.drop_all(upstream);
  std::vector<Ticket> lost;
  for (const auto& [ticket, request] : live_) {
    if (request.upstream == &upstream) lost.push_back(ticket);
  }
  for (const Ticket ticket : lost) {
    const auto at = live_.find(ticket);
    if (at == live_.end()) continue;
    end_with_error(at, proto::ErrorCode::kUnavailable, "the service was lost while it answered",
                   kRetryUnavailable);
  }
}

void Relay::tick(Clock::time_point now) {
  prefills_.drop_sent_until(now - kPrefillPatience);
  std::vector<Ticket> late;
  for (const auto& [ticket, request] : live_) {
    if (now >= request.began + request.order.suggest.deadline + kDeadlineGrace) late.push_back(ticket);
  }
  for (const Ticket ticket : late) {
    const auto at = live_.find(ticket);
    if (at == live_.end()) continue;
    at->second.upstream->send(proto::Cancel{service_id(ticket), std::nullopt});
    end_with_error(at, proto::ErrorCode::kDeadline, "the service did not answer within the deadline");
  }
}

bool Relay::serves(const std::string& model) const {
  return !connected(model).empty();
}

std::size_t Relay::outstanding(const Upstream& upstream) const {
  const auto found = outstanding_.find(&upstream);
  return (found == outstanding_.end() ? 0 : found->second) + prefills_.count(upstream);
}

}  // namespace inkfleet::gateway
