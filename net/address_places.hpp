#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "net/aliases.hpp"

namespace inkfleet::net {

/// How many connections each address has. No sockets; one thread.
class AddressPlaces {
 public:
  /// One connection's place, given back when it is destroyed. An empty one counts for nobody.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept : counts_(std::move(other.counts_)), address_(std::move(other.address_)) {}
    Place& operator=(Place&& other) noexcept {
      give_back();
      counts_ = std::move(other.counts_);
      address_ = std::move(other.address_);
      return *this;
    }
    ~Place() { give_back(); }

   private:
    friend class AddressPlaces;
    using Counts = std::map<asio::ip::address, std::size_t>;

    Place(std::shared_ptr<Counts> counts, asio::ip::address address)
        : counts_(std::move(counts)), address_(std::move(address)) {}

    void give_back() {
      if (!counts_) return;
      const auto count = counts_->find(address_);
      if (--count->second == 0) counts_->erase(count);
      counts_.reset();
    }

    std::shared_ptr<Counts> counts_;
    asio::ip::address address_;
  };

  /// Nothing if the address has `limit` places already.
  [[nodiscard]] std::optional<Place> enter(const asio::ip::address& address, std::size_t limit) {
    const auto count = counts_->find(address);
    if (count != counts_->end() && count->second >= limit) return std::nullopt;
    ++(*counts_)[address];
    return Place(counts_, address);
  }

  /// Addresses that have a place.
  [[nodiscard]] std::size_t addresses() const { return counts_->size(); }

 private:
  std::shared_ptr<Place::Counts> counts_ = std::make_shared<Place::Counts>();
};

}  // namespace inkfleet::net
