#include "model-service/gpt2/onednn_linear.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/from_blob.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace inkfleet::gpt2 {
namespace {

using Reorder = at::Tensor(const at::Tensor&, std::optional<c10::SymInt>);
using Pointwise = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                             std::string_view, c10::List<std::optional<at::Scalar>>,
                             std::optional<std::string_view>);

/// oneDNN's operators are registered by name only: libtorch has no headers for them.
template <class Signature>
auto find_operator(const char* name) {
  const auto found = c10::Dispatcher::singleton().findSchema({name, ""});
  if (!found) {
    throw std::runtime_error(std::string("libtorch: expected the operator ") + name +
                             ", found none (built without oneDNN?)");
  }
  return found->typed<Signature>();
}

constexpr std::int64_t kTypicalRows = 32;  ///< packing is for any number of rows; this one only guides it

}  // namespace

OneDnnLinear::OneDnnLinear(const at::Tensor& weight, std::optional<at::Tensor> bias, ComputeType dtype)
    : bias_(std::move(bias)), in_(weight.size(1)) {
  static const auto reorder = find_operator<Reorder>("mkldnn::_reorder_linear_weight");
  const auto type = dtype == ComputeType::kBf16 ? at::kBFloat16 : at::kFloat;
  packed_ = reorder.call(weight.to(type), c10::SymInt(kTypicalRows));
}

int OneDnnLinear::padded_rows(int rows) {
  const auto round_up = [rows](int step) { return (rows + step - 1) / step * step; };
  if (rows <= 2) return 2;
  if (rows <= 8) return rows;
  return rows <= 64 ? round_up(4) : round_up(16);
}

at::Tensor OneDnnLinear::apply(const float* input, int rows) const {
  static const auto pointwise = find_operator<Pointwise>("mkldnn::_linear_pointwise");
  const at::Tensor x = at::from_blob(const_cast<float*>(input), {padded_rows(rows), in_});
  return pointwise
      .call(x.to(packed_.scalar_type()), packed_, bias_, "none", c10::List<std::optional<at::Scalar>>(), "")
      .to(at::kFloat);
}

bool supports_bf16() {
  return find_operator<bool()>("mkldnn::_is_mkldnn_bf16_supported").call();
}

}  // namespace inkfleet::gpt2
