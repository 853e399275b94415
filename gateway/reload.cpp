#include "gateway/reload.hpp"

#include <spdlog/spdlog.h>

#include <exception>
#include <utility>

namespace inkfleet::gateway {

std::vector<std::string> keys_for_restart(const Config& running, const Config& wanted) {
  std::vector<std::string> keys;
  if (running.listen != wanted.listen) keys.emplace_back("listen");
  if (running.admin_listen != wanted.admin_listen) keys.emplace_back("admin_listen");
  return keys;
}

Reload::Reload(Config running, std::function<Config()> load, std::function<void(const Config&)> apply)
    : running_(std::move(running)), load_(std::move(load)), apply_(std::move(apply)) {}

void Reload::run() {
  try {
    auto wanted = load_();
    for (const auto& key : keys_for_restart(running_, wanted)) {
      spdlog::warn("reload: {} has changed, which needs a restart; the old one stays", key);
    }
    wanted.listen = running_.listen;
    wanted.admin_listen = running_.admin_listen;
    apply_(wanted);
    running_ = std::move(wanted);
    spdlog::info("reload: the new configuration is in use; {} routes", running_.routes.size());
  } catch (const std::exception& wrong) {
    spdlog::error("reload: {}; the old configuration stays", wrong.what());
  }
}

}  // namespace inkfleet::gateway
