#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/upstream.hpp"

namespace inkfleet::gateway {

/// Picks services: a document goes to the one that served it last, whose cache knows its text, unless that
/// one is much busier than another. Everything else goes to the one with the least to do.
class Affinity {
 public:
  /// So many documents are remembered, those used last.
  static constexpr std::size_t kDocuments = 4096;
  /// A document's own service may have so many more requests than the least busy one; a cold prompt costs
  /// about as much as waiting for a few others.
  static constexpr std::size_t kMoreWork = 4;

  struct Candidate {
    Upstream* upstream = nullptr;
    std::size_t outstanding = 0;
  };

  /// One of the connected services of a model; null when there are none. An empty `document` is no document.
  Upstream* choose(const std::string& document, const std::vector<Candidate>& connected);

 private:
  using Entry = std::pair<std::string, Upstream*>;

  Upstream* last_of(const std::string& document) const;
  void remember(const std::string& document, Upstream* upstream);

  std::list<Entry> recent_;  // the document used last in front
  std::unordered_map<std::string, std::list<Entry>::iterator> by_document_;
};

}  // namespace inkfleet::gateway
