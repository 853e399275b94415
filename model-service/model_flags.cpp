#include "model-service/model_flags.hpp"

namespace inkfleet::service {

void ModelFlags::add_to(CLI::App& cli) {
  cli.add_option("--model", folder, "Folder of a GPT-2 in the Hugging Face layout")->required();
  cli.add_option("--device", device, "Where to compute")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  cli.add_option("--dtype", dtype, "Number format to compute in")
      ->check(CLI::IsMember({"auto", "fp32", "fp16", "bf16", "int8"}))
      ->capture_default_str();
  cli.add_option("--threads", threads, "Threads of a model step on a CPU; 0: one for each core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  cli.add_option("--cache-mb", cache_mb,
                 "Memory for keys and values, in MiB; 0: 1024 on a CPU, on a GPU what it has left")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  cli.add_option("--packed-cache", packed_cache,
                 "Folder to keep packed int8 weights in for the next start, or \"off\"; by default "
                 "$XDG_CACHE_HOME/inkfleet/packed or ~/.cache/inkfleet/packed");
}

}  // namespace inkfleet::service
