#include "xen_drbd/base/text.hpp"
#include "xen_drbd/drbd/look.hpp"

#include "answer.hpp"

#include <fmt/format.h>

namespace xen_drbd::drbd {
namespace {

using Allowed = std::map<std::string, model::TwoPrimaries>;

Error no_options(std::string because) {
  return unreadable("the options of DRBD could not be read", std::move(because));
}

/// Takes the next token off `text`: one of `{ } ;`, a quoted string without its quotes, or a word. Empty at the end,
/// and `broken` where a quote is never closed.
struct Token {
  enum class Kind { end, broken, open, close, semicolon, word } kind = Kind::end;
  std::string text;
};

Token take_quoted(std::string_view& text) {
  Token token{.kind = Token::Kind::word, .text = {}};
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return token;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    token.text += text[i];
  }
  return {.kind = Token::Kind::broken, .text = {}};
}

Token take_token(std::string_view& text) {
  constexpr std::string_view blank = " \t\r\n";
  for (;;) {
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(blank)));
    if (!text.starts_with('#')) break;
    text.remove_prefix(std::min(text.size(), text.find('\n')));
  }
  if (text.empty()) return {};
  switch (text.front()) {
  case '{': text.remove_prefix(1); return {.kind = Token::Kind::open, .text = {}};
  case '}': text.remove_prefix(1); return {.kind = Token::Kind::close, .text = {}};
  case ';': text.remove_prefix(1); return {.kind = Token::Kind::semicolon, .text = {}};
  case '"': return take_quoted(text);
  default: break;
  }
  const std::size_t end = std::min(text.size(), text.find_first_of(" \t\r\n{};\"#"));
  Token token{.kind = Token::Kind::word, .text = std::string(text.substr(0, end))};
  text.remove_prefix(end);
  return token;
}

model::TwoPrimaries two_primaries_of(const std::vector<std::string>& statement) {
  if (statement.size() == 1 || statement[1] == "yes") return model::TwoPrimaries::yes;
  return statement[1] == "no" ? model::TwoPrimaries::no : model::TwoPrimaries::unknown;
}

/// Several connections of one resource: one that allows it is enough, one that is unclear makes a no unclear.
void note_value(model::TwoPrimaries& known, model::TwoPrimaries value) {
  if (known == model::TwoPrimaries::no || value == model::TwoPrimaries::yes) known = value;
}

} // namespace

host::Command show_command() { return {.argv = {"drbdsetup", "show"}, .timeout = Milliseconds{10'000}}; }

Result<Allowed> parse_show(const host::Outcome& outcome) {
  if (!outcome.ok()) return no_options("drbdsetup show: " + failure(outcome));
  return parse_show_text(outcome.out);
}

Result<Allowed> parse_show_text(std::string_view text) {
  Allowed allowed;
  Allowed::iterator resource = allowed.end();
  std::vector<std::string> sections;
  std::vector<std::string> statement;
  for (;;) {
    Token token = take_token(text);
    switch (token.kind) {
    case Token::Kind::broken: return no_options("the answer of drbdsetup show is cut short");
    case Token::Kind::end:
      if (!sections.empty() || !statement.empty()) return no_options("the answer of drbdsetup show is cut short");
      return allowed;
    case Token::Kind::word: statement.push_back(std::move(token.text)); break;
    case Token::Kind::open:
      if (statement.empty()) return no_options("drbdsetup show prints a section without a name");
      if (sections.empty()) {
        if (statement.size() != 2 || statement[0] != "resource")
          return no_options("drbdsetup show prints no resource but " + excerpt(statement[0]));
        resource = allowed.emplace(statement[1], model::TwoPrimaries::no).first;
      }
      sections.push_back(statement.front());
      statement.clear();
      break;
    case Token::Kind::semicolon:
      if (sections.empty() || statement.empty()) return no_options("drbdsetup show prints an option out of place");
      if (sections.back() == "net" && statement.front() == "allow-two-primaries")
        note_value(resource->second, two_primaries_of(statement));
      statement.clear();
      break;
    case Token::Kind::close:
      if (sections.empty() || !statement.empty()) return no_options("drbdsetup show closes what is not open");
      sections.pop_back();
      break;
    }
  }
}

} // namespace xen_drbd::drbd
