#pragma once

namespace inkfleet::engine {

struct SamplingParameters {
  double temperature = 0.7;  ///< 0 is greedy: the best token, the lower id among equals
  int top_k = 0;             ///< 0 is off
  double top_p = 0.0;        ///< 0 and 1 are off
};

/// All that one token depends on beside its logits, where every token may be chosen. Known before the step.
struct Draw {
  SamplingParameters parameters;
  double uniform = 0.0;  ///< in [0, 1)
};

}  // namespace inkfleet::engine
