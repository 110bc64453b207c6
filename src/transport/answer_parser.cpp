#include "answer_parser.hpp"

#include <utility>

namespace xen_drbd::transport {

std::optional<Answer> AnswerParser::next() {
  if (pending_.empty()) return std::nullopt;
  switch (expected_) {
  case Answer::Kind::banner: return fixed(Answer::Kind::banner, target_banner, 0);
  case Answer::Kind::ready: return fixed(Answer::Kind::ready, target_ready, 0);
  case Answer::Kind::report: return fixed(Answer::Kind::report, target_report, 1);
  case Answer::Kind::rest:
  case Answer::Kind::unknown: break;
  }
  return Answer{expected_, take_rest(), 0};
}

std::string AnswerParser::take_rest() { return std::exchange(pending_, {}); }

std::optional<Answer> AnswerParser::fixed(Answer::Kind kind, std::string_view text, std::size_t more) {
  const std::size_t known = std::min(pending_.size(), text.size());
  if (pending_.compare(0, known, text, 0, known) != 0) {
    expected_ = Answer::Kind::unknown;
    return Answer{Answer::Kind::unknown, take_rest(), 0};
  }
  const std::size_t whole = text.size() + more;
  if (pending_.size() < whole) return std::nullopt;
  Answer answer{kind, pending_.substr(0, whole), 0};
  if (more > 0) answer.status = static_cast<unsigned char>(answer.bytes.back());
  pending_.erase(0, whole);
  expected_ = kind == Answer::Kind::banner  ? Answer::Kind::ready
              : kind == Answer::Kind::ready ? Answer::Kind::report
                                            : Answer::Kind::rest;
  return answer;
}

} // namespace xen_drbd::transport
