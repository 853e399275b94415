#pragma once

#include <functional>
#include <string>

namespace inkfleet::service {

/// Runs `work` in a process of its own and returns what it returned: so its memory can be measured apart, and
/// running out of it ends nothing else. Throws std::runtime_error with the message of what `work` threw, or
/// with the signal that ended the process. Call while this process has one thread.
std::string in_child(const std::function<std::string()>& work);

}  // namespace inkfleet::service
