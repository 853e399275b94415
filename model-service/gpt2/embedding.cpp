#include "model-service/gpt2/embedding.hpp"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

namespace inkfleet::gpt2 {

template <class Function>
void Embedding::visit_row(int row, Function use) const {
  const auto visit = [&](auto zero) {
    using Element = decltype(zero);
    const auto* elements = reinterpret_cast<const Element*>(table_) + row * width_;
    for (std::size_t i = 0; i < width_; ++i) use(i, static_cast<float>(elements[i]));
  };
  if (dtype_ == "F16") return visit(c10::Half{});
  if (dtype_ == "BF16") return visit(c10::BFloat16{});
  visit(float{});
}

void Embedding::copy_row(int row, float* out) const {
  visit_row(row, [out](std::size_t i, float value) { out[i] = value; });
}

void Embedding::add_row(int row, float* out) const {
  visit_row(row, [out](std::size_t i, float value) { out[i] += value; });
}

}  // namespace inkfleet::gpt2
