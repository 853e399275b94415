#include "model-service/in_child.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <stdexcept>

namespace inkfleet::service {
namespace {

// The first byte of what a child says.
constexpr char kReturned = '=', kThrew = '!';

std::string told_by(const std::function<std::string()>& work) {
  try {
    return kReturned + work();
  } catch (const std::exception& e) {
    return std::string(1, kThrew) + e.what();
  }
}

[[noreturn]] void say_and_end(int pipe, const std::string& text) {
  std::size_t said = 0;
  while (said < text.size()) {
    const auto size = ::write(pipe, text.data() + said, text.size() - said);
    if (size < 0) break;
    said += static_cast<std::size_t>(size);
  }
  ::_exit(0);
}

std::string read_all(int pipe) {
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t size = 0; (size = ::read(pipe, part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace

std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends;
  if (::pipe(ends.data()) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  const auto child = ::fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    ::close(ends[0]);
    say_and_end(ends[1], told_by(work));
  }
  ::close(ends[1]);
  const auto said = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    throw std::runtime_error("ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")" +
                             (signal == SIGKILL ? ": probably not enough memory" : ""));
  }
  if (said.empty() || said[0] == kThrew)
    throw std::runtime_error(said.empty() ? "ended early" : said.substr(1));
  return said.substr(1);
}

}  // namespace inkfleet::service
