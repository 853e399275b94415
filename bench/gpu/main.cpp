// gpu_figures PART --model DIR --library SO [--probe SO] [--dtype fp16|bf16] [--seconds N] [--scale N]:
// measures one part and prints it as JSON.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include "bench/gpu/figures.hpp"

namespace inkfleet::figures {
namespace {

using Measure = Json (*)(const Options&);

const std::map<std::string, Measure> kParts{
    {"upload", measure_upload},     {"decode", measure_decode},   {"editor", measure_editor},
    {"requests", measure_requests}, {"article", measure_article}, {"fault", measure_fault},
    {"spin", measure_spin},
};

Options parse(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 2; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  Options options{.model = given["--model"], .library = given["--library"], .probe = given["--probe"]};
  if (given.contains("--dtype")) options.dtype = given["--dtype"];
  if (given.contains("--seconds"))
    options.seconds = std::chrono::duration<double>(std::stod(given["--seconds"]));
  if (given.contains("--scale")) options.scale = std::stoi(given["--scale"]);
  if (!gpu::gpu_type(options.dtype)) throw std::runtime_error("--dtype: expected fp16 or bf16");
  return options;
}

void run(int argc, char** argv) {
  const auto part = argc > 1 ? kParts.find(argv[1]) : kParts.end();
  if (part == kParts.end()) {
    std::string names;
    for (const auto& [name, measure] : kParts) names += " " + name;
    throw std::runtime_error("expected one of" + names);
  }
  // main() ends without the end of a program that would empty what waits to be written.
  std::cout << part->second(parse(argc, argv)).dump() << '\n' << std::flush;
}

}  // namespace
}  // namespace inkfleet::figures

int main(int argc, char** argv) {
  try {
    inkfleet::figures::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_figures: %s\n", error.what());
    return 1;
  }
  // A device that is lost or hangs may block what gives it back.
  std::_Exit(0);
}
