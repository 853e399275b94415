#include "gateway/editor_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "net/sha256.hpp"
#include "proto/parse.hpp"

namespace inkfleet::gateway {

namespace {

proto::Error about_frame(std::string frame, std::string field, std::string message) {
  return {.code = proto::ErrorCode::kBadRequest,
          .message = std::move(message),
          .frame = std::move(frame),
          .field = std::move(field)};
}

bool ends_request(const proto::ServerFrame& frame) {
  return std::holds_alternative<proto::Completed>(frame) || std::holds_alternative<proto::Error>(frame);
}

}  // namespace

std::string document_of(std::uint64_t connection, const std::string& document) {
  const auto prefix = fmt::format("c{}:", connection);
  if (prefix.size() + document.size() <= proto::limits::kDocumentBytes) return prefix + document;
  return prefix + "sha256:" + net::hexadecimal(net::sha256(document));
}

EditorSession::EditorSession(Relay& relay, std::string model, Caller caller, std::uint64_t connection,
                             std::shared_ptr<net::WebSocketPeer> peer, std::function<Clock::time_point()> now,
                             std::size_t live_requests)
    : relay_(relay),
      model_(std::move(model)),
      caller_(std::move(caller)),
      connection_(connection),
      peer_(std::move(peer)),
      now_(std::move(now)),
      live_requests_(live_requests) {}

void EditorSession::on_text(std::string_view text) {
  auto parsed = proto::parse_client_frame(text);
  if (auto* error = std::get_if<proto::Error>(&parsed)) return refuse(std::move(*error));
  std::visit([this](auto& frame) { handle(std::move(frame)); }, std::get<proto::ClientFrame>(parsed));
}

void EditorSession::on_binary() {
  refuse(about_frame("", "", "a binary message is no frame; send JSON as text"));
}

void EditorSession::on_closed() {
  for (const auto& [id, request] : std::exchange(live_, {})) relay_.abandon(request.ticket);
  for (const auto& [document, ticket] : std::exchange(prefills_, {})) relay_.drop_prefill(ticket);
}

void EditorSession::refuse(proto::Error error) {
  if (error.id && live_.contains(*error.id)) error = proto::without_request(std::move(error));
  if (error.field && error.field->empty()) error.field.reset();
  peer_->send(std::move(error));
}

void EditorSession::handle(proto::Suggest suggest) {
  if (live_.contains(suggest.id)) {
    return refuse(about_frame("suggest", "id", "this id belongs to a request that is still running"));
  }
  std::erase_if(completed_, [&](const auto& older) { return older.id == suggest.id; });
  const auto document = suggest.document;
  auto* const older = document ? current(*document) : nullptr;
  if (live_.size() - (older != nullptr ? 1 : 0) >= live_requests_) {
    return refuse(
        {.code = proto::ErrorCode::kOverloaded,
         .message = fmt::format("{} requests of this connection are running, the limit", live_requests_),
         .id = suggest.id,
         .retry_after = kRetryOverloaded});
  }
  if (older != nullptr) {
    older->superseded = true;
    relay_.cancel(older->ticket);
  }
  if (document) {
    drop_prefill(*document);
    suggest.document = document_of(connection_, *document);
  }
  const std::string id = suggest.id;
  live_[id] = {.document = document};
  const auto ticket =
      relay_.start({.model = model_,
                    .door = Door::kProtocol,
                    .caller = caller_,
                    .suggest = std::move(suggest),
                    .answer = [this, id](auto frame) { forward(id, std::move(frame)); },
                    .completed = [this, id](auto served) { remember(id, std::move(served)); }},
                   now_());
  if (const auto at = live_.find(id); at != live_.end())
    at->second.ticket = ticket;  // it may have ended already
}

EditorSession::Request* EditorSession::current(const std::string& document) {
  const auto at = std::ranges::find_if(live_, [&](const auto& entry) {
    return entry.second.document == document && !entry.second.superseded;
  });
  return at == live_.end() ? nullptr : &at->second;
}

void EditorSession::handle(const proto::Cancel& cancel) {
  if (const auto at = live_.find(cancel.id); at != live_.end())
    relay_.cancel(at->second.ticket, cancel.index);
}

void EditorSession::handle(proto::Prefill prefill) {
  const std::string document = prefill.document;
  drop_prefill(document);
  std::erase_if(prefills_, [this](const auto& entry) { return !relay_.prefilling(entry.second); });
  if (prefills_.size() >= live_requests_) {
    return refuse(
        {.code = proto::ErrorCode::kOverloaded,
         .message = fmt::format("{} prefills of this connection are waiting, the limit", prefills_.size()),
         .frame = "prefill",
         .retry_after = kRetryOverloaded});
  }
  auto answer = [this, document, id = prefill.id](proto::Prefilled frame) {
    frame.document = document;
    frame.id = id;
    peer_->send(std::move(frame));
  };
  prefill.document = document_of(connection_, document);
  const auto ticket = relay_.prefill({model_, std::move(prefill), std::move(answer)}, now_());
  if (ticket) {
    prefills_[document] = *ticket;
  } else {
    auto error = relay_.no_service(model_);
    error.frame = "prefill";
    refuse(std::move(error));
  }
}

void EditorSession::drop_prefill(const std::string& document) {
  if (const auto older = prefills_.extract(document)) relay_.drop_prefill(older.mapped());
}

void EditorSession::handle(const proto::Accept& accept) {
  if (const auto at = live_.find(accept.id); at != live_.end())
    return relay_.accept(at->second.ticket, accept.index, accept.tokens);
  const auto done = std::ranges::find(completed_, accept.id, &Completed::id);
  if (done != completed_.end()) relay_.accept(done->served, accept.index, accept.tokens);
}

void EditorSession::remember(const std::string& id, Served served) {
  completed_.push_back({id, std::move(served)});
  if (completed_.size() > kRemembered) completed_.pop_front();
}

void EditorSession::forward(const std::string& id, proto::ServerFrame frame) {
  const bool last = ends_request(frame);
  peer_->send(std::move(frame));
  if (last) live_.erase(id);
}

}  // namespace inkfleet::gateway
