#include "gateway/affinity.hpp"

#include <gtest/gtest.h>

#include "tests/unit/gateway/fakes.hpp"

namespace inkfleet::gateway {
namespace {

class AffinityTest : public testing::Test {
 protected:
  Upstream* choose(const std::string& document, std::size_t work_of_one, std::size_t work_of_two) {
    return affinity.choose(document, {{&one, work_of_one}, {&two, work_of_two}});
  }

  FakeUpstream one, two;
  Affinity affinity;
};

TEST_F(AffinityTest, NobodyIsThere) {
  EXPECT_EQ(affinity.choose("d", {}), nullptr);
  EXPECT_EQ(affinity.choose("", {}), nullptr);
}

TEST_F(AffinityTest, ANewDocumentGoesToTheLeastBusy) {
  EXPECT_EQ(choose("a", 1, 0), &two);
  EXPECT_EQ(choose("b", 0, 1), &one);
}

TEST_F(AffinityTest, WithoutADocumentItIsTheLeastBusyEachTime) {
  EXPECT_EQ(choose("", 1, 0), &two);
  EXPECT_EQ(choose("", 0, 1), &one);
}

// Deliberate break: `<` for `<=` in choose() leaves the document's service one request too early.
TEST_F(AffinityTest, ADocumentStaysUntilItsServiceIsMuchBusier) {
  EXPECT_EQ(choose("d", 1, 0), &two);
  EXPECT_EQ(choose("d", 0, Affinity::kMoreWork), &two);
  EXPECT_EQ(choose("d", 3, 3 + Affinity::kMoreWork), &two);
  EXPECT_EQ(choose("d", 0, Affinity::kMoreWork + 1), &one);
  EXPECT_EQ(choose("d", 1, 0), &one) << "it has moved";
}

TEST_F(AffinityTest, ADocumentWhoseServiceIsGoneMoves) {
  EXPECT_EQ(choose("d", 0, 1), &one);
  EXPECT_EQ(affinity.choose("d", {{&two, 9}}), &two);
  EXPECT_EQ(choose("d", 0, 1), &two);
}

// Deliberate break: remember() without its splice() forgets the document that is in use.
TEST_F(AffinityTest, TheDocumentsUsedLastAreRemembered) {
  EXPECT_EQ(choose("used", 1, 0), &two);
  EXPECT_EQ(choose("unused", 1, 0), &two);
  for (std::size_t i = 0; i + 1 < Affinity::kDocuments; ++i) {
    choose("other" + std::to_string(i), 0, 1);
    ASSERT_EQ(choose("used", 0, 1), &two) << i;
  }
  EXPECT_EQ(choose("unused", 0, 1), &one) << "there was no room for it";
}

}  // namespace
}  // namespace inkfleet::gateway
