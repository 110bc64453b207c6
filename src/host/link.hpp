#pragma once

#include "conversation.hpp"

namespace xen_drbd::host {

/// The bytes to and from one worker, and the held commands beside it. Used by the I/O thread alone; nothing here waits
/// but `turn`.
class Link {
public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  /// Queues bytes for the worker.
  virtual void send(std::string_view bytes) = 0;
  /// Moves what can be moved in every direction, and waits for more at most `at_most`, or until the wake rings.
  virtual void turn(Milliseconds at_most) = 0;
  /// What the worker said since the last call.
  [[nodiscard]] virtual std::string take_output() = 0;
  /// How the worker or the connection ended; nothing while both are there.
  [[nodiscard]] virtual std::optional<std::string> ended() const = 0;
  /// Starts a command that is held open.
  virtual void hold(std::shared_ptr<Conversation> conversation, const std::vector<std::string>& argv) = 0;
  /// Closes the worker's input and waits for its end, at most `at_most`.
  virtual void say_goodbye(Milliseconds at_most) = 0;
};

} // namespace xen_drbd::host
