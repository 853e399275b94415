#include <gmock/gmock.h>

#include "model-service/engine/block_pool.hpp"

namespace inkfleet::engine {
namespace {

TEST(BlockPool, ASharedBlockIsFreeWhenItsLastUserLetsGo) {
  BlockPool pool(4);
  BlockTable prompt(pool);
  prompt.grow_to(2);
  BlockTable suggestion(pool);
  suggestion.share(prompt.ids()[0]);
  suggestion.grow_to(3);
  EXPECT_EQ(pool.available(), 0);
  prompt.clear();
  EXPECT_EQ(pool.available(), 1) << "the shared block is still in use";
  suggestion.clear();
  EXPECT_EQ(pool.available(), 4);
}

TEST(BlockPool, ATableThatGoesAwayGivesItsBlocksBackOnce) {
  BlockPool pool(4);
  {
    BlockTable table(pool);
    table.grow_to(3);
    BlockTable moved = std::move(table);
    BlockTable other(pool);
    other.append(std::move(moved));
    EXPECT_EQ(other.size(), 3);
    EXPECT_EQ(pool.available(), 1);
  }
  EXPECT_EQ(pool.available(), 4);
}

}  // namespace
}  // namespace inkfleet::engine
