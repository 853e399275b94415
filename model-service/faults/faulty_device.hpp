#pragma once

#include "model-service/engine/step_model.hpp"
#include "model-service/faults/faults.hpp"
#include "model-service/health/prober.hpp"

namespace inkfleet::faults {

/// A model whose device has the faults that are asked for. Model and faults must outlive it.
class FaultyModel : public engine::StepModel {
 public:
  FaultyModel(engine::StepModel& model, Faults& faults) : model_(model), faults_(faults) {}

  const engine::ModelShape& shape() const override { return model_.shape(); }

  engine::StepResult step(std::span<const engine::StepSlice> slices) override {
    for (const auto& slice : slices) faults_.meet_tokens(slice.tokens);
    faults_.meet_step();
    return model_.step(slices);
  }

  void copy_block(engine::BlockId from, engine::BlockId to) override { model_.copy_block(from, to); }
  void prepare_block(engine::BlockId block) override { model_.prepare_block(block); }

 private:
  engine::StepModel& model_;
  Faults& faults_;
};

/// A probe of such a device.
inline health::Probe faulty_probe(health::Probe probe, Faults& faults) {
  return [probe = std::move(probe), &faults]() -> health::ProbeAnswer {
    if (const auto* const error = faults.meet_probe()) return {.right = false, .error = error};
    return probe();
  };
}

}  // namespace inkfleet::faults
