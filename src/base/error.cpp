#include "xen_drbd/base/error.hpp"

namespace xen_drbd {

Error Error::during(std::string doing) && {
  while_doing.push_back(std::move(doing));
  return std::move(*this);
}

int exit_code(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::usage: return 2;
  case ErrorKind::topology: return 3;
  case ErrorKind::refused: return 4;
  case ErrorKind::unreachable: return 5;
  case ErrorKind::failed:
  case ErrorKind::unknown: return 6;
  case ErrorKind::bug: return 70;
  case ErrorKind::busy: return 75;
  case ErrorKind::interrupted: return 130;
  }
  return 70;
}

namespace {

/// Text of several lines keeps its lines below each other, under the first word.
std::string indented(std::string_view text) {
  std::string out;
  for (char c : text) {
    out += c;
    if (c == '\n') out += "           ";
  }
  return out;
}

} // namespace

std::string render(const Error& error) {
  std::string text = "error: " + error.what + "\n";
  if (!error.because.empty()) text += "  because: " + indented(error.because) + "\n";
  for (const std::string& doing : error.while_doing) text += "  while:   " + indented(doing) + "\n";
  switch (error.changed) {
  case Changed::no: text += "  nothing was changed\n"; break;
  case Changed::yes: text += "  something was changed: the report says what\n"; break;
  case Changed::unknown: text += "  whether anything was changed is not known\n"; break;
  }
  if (!error.hint.empty()) text += "  hint:    " + indented(error.hint) + "\n";
  return text;
}

} // namespace xen_drbd
