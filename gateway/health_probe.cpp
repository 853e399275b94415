#include "gateway/health_probe.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "net/http_get.hpp"
#include "net/spawn.hpp"

namespace inkfleet::gateway {

namespace asio = net::asio;

class HealthProbe::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::any_io_executor executor, Target target, ProbeTimes times, Told told)
      : executor_(std::move(executor)),
        target_(std::move(target)),
        times_(times),
        told_(std::move(told)),
        pause_(executor_) {}

  void start() {
    wanted_ = true;
    if (wanted() && !std::exchange(running_, true)) {
      net::spawn(executor_, "probe of " + target_.name, run(shared_from_this()));
    }
  }

  void stop() {
    wanted_ = false;
    told_ = nullptr;  // its owner may be gone by the time the probe ends
    pause_.cancel();
    if (stream_) stream_->close();
  }

  void set_times(ProbeTimes times) {
    times_ = times;
    pause_.cancel();
    if (wanted_) start();
  }

 private:
  bool wanted() const { return wanted_ && times_.interval.count() > 0; }

  /// Takes its own object along, so that it lives as long as this runs.
  asio::awaitable<void> run([[maybe_unused]] std::shared_ptr<State> self) {
    while (wanted()) {
      const auto began = std::chrono::steady_clock::now();
      stream_.emplace(executor_);
      const auto status =
          co_await net::http_get(*stream_, target_.address, target_.host, "/healthz", times_.timeout);
      stream_.reset();
      if (!wanted()) break;
      tell(status);
      pause_.expires_at(began + times_.interval);  // at once, if the answer took longer
      co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    running_ = false;
    if (told_) told_(true);
  }

  void tell(const boost::system::result<unsigned>& status) {
    const bool well = status.has_value() && *status == 200;
    if (well != std::exchange(well_, well)) {
      if (well) {
        spdlog::info("{}: its health probe is answered well again", target_.name);
      } else {
        spdlog::warn("{}: its health probe fails: {}", target_.name,
                     status ? fmt::format("status {}", *status) : status.error().message());
      }
    }
    told_(well);
  }

  asio::any_io_executor executor_;
  Target target_;
  ProbeTimes times_;
  Told told_;
  asio::steady_timer pause_;
  std::optional<net::beast::tcp_stream> stream_;
  bool wanted_ = false;
  bool running_ = false;
  bool well_ = true;
};

HealthProbe::HealthProbe(asio::any_io_executor executor, Target target, ProbeTimes times, Told told)
    : state_(std::make_shared<State>(std::move(executor), std::move(target), times, std::move(told))) {}

HealthProbe::~HealthProbe() {
  state_->stop();
}

void HealthProbe::start() {
  state_->start();
}
void HealthProbe::stop() {
  state_->stop();
}
void HealthProbe::set_times(ProbeTimes times) {
  state_->set_times(times);
}

}  // namespace inkfleet::gateway
