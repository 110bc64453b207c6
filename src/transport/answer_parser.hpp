#pragma once
// What the target says, cut into what it means: banner, "ready", report, and whatever follows. Pure.
// Source: xen tools/xl/xl.h, tools/xl/xl_migrate.c.

#include <optional>
#include <string>
#include <string_view>

namespace xen_drbd::transport {

/// 54 bytes, without a NUL.
inline constexpr std::string_view target_banner = "xl migration receiver ready, send binary domain data.\n";
/// 34 bytes, the NUL included.
inline constexpr std::string_view target_ready("domain received, ready to unpause\0", 34);
/// 39 bytes, the NUL included; one byte of status follows.
inline constexpr std::string_view target_report("my copy unpause results are as follows\0", 39);
/// 44 bytes, the NUL included: from xl to the target, and back after a failed report.
inline constexpr std::string_view permission_to_go("domain is yours, you are cleared to unpause\0", 44);

struct Answer {
  enum class Kind {
    banner,
    ready,
    report,  ///< with its status
    rest,    ///< after the report
    unknown, ///< not what was expected; all that follows is unknown too
  } kind = Kind::unknown;
  std::string bytes; ///< exactly what came, to be passed on
  int status = 0;    ///< of a report
  bool operator==(const Answer&) const = default;
};

class AnswerParser {
public:
  void feed(std::string_view bytes) { pending_ += bytes; }
  /// The next whole answer; nothing while one is incomplete.
  [[nodiscard]] std::optional<Answer> next();
  /// What is left of an incomplete answer, at the end of the stream.
  [[nodiscard]] std::string take_rest();

private:
  std::optional<Answer> fixed(Answer::Kind kind, std::string_view text, std::size_t more);

  Answer::Kind expected_ = Answer::Kind::banner;
  std::string pending_;
};

} // namespace xen_drbd::transport
