#pragma once
// Moves the stream from xl to ssh: framing is read and judged, payload goes from pipe to pipe without being copied.

#include "fd.hpp"
#include "stream_parser.hpp"

#include <cstdint>
#include <string>

namespace xen_drbd::transport {

class StreamPump {
public:
  explicit StreamPump(int in) : in_(in) {}
  void connect(Fd out) { out_ = std::move(out); }

  /// What to poll: each side's descriptor (-1: not now) and events (0: only for its end), and what poll said.
  [[nodiscard]] int in() const { return in_closed_ || waits_for_out() ? -1 : in_.number(); }
  [[nodiscard]] int out() const { return out_closed_ ? -1 : out_.number(); }
  [[nodiscard]] short in_events() const;
  [[nodiscard]] short out_events() const;
  void polled(short in_revents, short out_revents);

  /// Moves what can be moved now, at most some 64 MiB.
  void pump();
  /// Sends on what the parser holds: the last record.
  void release() { pending_ += parser_.take_held(); }
  /// From now on everything that comes is passed on unread.
  void pass_all() { plain_ = true; }

  [[nodiscard]] const StreamParser& parser() const { return parser_; }
  /// Bytes that ssh was given.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] bool in_closed() const { return in_closed_; }   ///< xl closed its end
  [[nodiscard]] bool out_closed() const { return out_closed_; } ///< ssh reads no more
  /// Whether ssh has read all that it was given.
  [[nodiscard]] bool drained() const { return pending_.empty() && waiting_bytes(out_.number()) == 0; }
  /// Whether xl sends although nothing is wanted of it.
  [[nodiscard]] bool unwanted() const { return waiting_bytes(in_.number()) > 0; }

  void close_in() { in_.close(); }
  void close_out() { out_.close(); }
  /// Closes the side of ssh once xl has closed its own and all is passed on.
  void pass_on_the_end();

private:
  [[nodiscard]] StreamParser::Want want() const;
  [[nodiscard]] bool wants_nothing() const { return want().kind == StreamParser::Want::Kind::nothing; }
  [[nodiscard]] bool waits_for_out() const;
  bool step();
  bool write_pending();
  bool read_framing(std::uint64_t most);
  bool move_payload(std::uint64_t most);
  bool copy_payload(std::uint64_t most);
  void count_payload(std::uint64_t bytes);

  Fd in_;
  Fd out_;
  StreamParser parser_;
  std::string pending_; // for ssh, in front of what is still in the pipe
  bool plain_ = false;
  bool splices_ = true;
  bool in_ready_ = false;
  bool out_ready_ = false;
  bool in_closed_ = false;
  bool out_closed_ = false;
  std::uint64_t sent_ = 0;
};

} // namespace xen_drbd::transport
