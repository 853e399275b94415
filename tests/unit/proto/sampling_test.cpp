#include "proto/sampling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "proto/json.hpp"

namespace inkfleet::proto {
namespace {

using ::testing::ElementsAre;

/// Known answers of the Random123 library, examples/kat_vectors.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_THAT(philox4x32_10({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_THAT(philox4x32_10({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(Uniform, EqualsTheGoldenVectors) {
  std::ifstream file(INKFLEET_SOURCE_DIR "/proto/golden/sampling.json");
  const Json vectors = Json::parse(file)["uniform"];
  ASSERT_GE(vectors.size(), 30u);
  for (const Json& vector : vectors) {
    EXPECT_EQ(uniform(vector["seed"], vector["index"], vector["position"]), vector["uniform"].get<double>())
        << vector;
  }
}

TEST(Uniform, StaysBelowOne) {
  double sum = 0;
  for (std::uint32_t position = 0; position < 10'000; ++position) {
    const double value = uniform(7, 0, position);
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.015);  // five standard deviations
}

}  // namespace
}  // namespace inkfleet::proto
