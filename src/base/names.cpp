#include "xen_drbd/base/names.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>

namespace xen_drbd {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// What is wrong with a word of letters, digits and `extra`, or nothing.
std::string wrong_word(std::string_view text, std::string_view extra, std::size_t longest) {
  if (text.empty()) return "it is empty";
  if (text.size() > longest) return "it is longer than " + std::to_string(longest) + " characters";
  if (text.front() == '-') return "it begins with '-', which commands would take for an option";
  if (text == "." || text == "..") return "it is a directory";
  const bool fits =
      std::all_of(text.begin(), text.end(), [&](char c) { return is_alnum(c) || extra.find(c) != extra.npos; });
  return fits ? "" : "only letters, digits and any of " + std::string(extra) + " are allowed";
}

bool all_digits(std::string_view text) { return std::all_of(text.begin(), text.end(), is_digit); }

std::string wrong_host_name(std::string_view text) {
  if (text.size() > 253) return "it is longer than 253 characters";
  std::size_t label = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '.') {
      if (!is_alnum(text[i]) && text[i] != '-') return "only letters, digits, '-' and '.' are allowed";
      ++label;
      continue;
    }
    if (label == 0 || label > 63) return "each part between dots needs 1 to 63 characters";
    if (text[i - label] == '-' || text[i - 1] == '-') return "no part may begin or end with '-'";
    label = 0;
  }
  return "";
}

} // namespace

std::string DomainNameGrammar::objection(std::string_view text) {
  if (std::string wrong = wrong_word(text, "._+-", 64); !wrong.empty()) return wrong;
  if (all_digits(text)) return "xl takes a name of digits for a domid (`xl shutdown 0` powers the host off)";
  for (std::string_view half : {"--incoming", "--migratedaway"})
    if (text.ends_with(half))
      return "xl itself gives domains names that end in '" + std::string(half) + "' during a migration";
  if (text == "Domain-0") return "that is the control domain";
  return "";
}

std::string NodeNameGrammar::objection(std::string_view text) {
  if (std::string wrong = wrong_word(text, ".-", 253); !wrong.empty()) return wrong;
  if (all_digits(text)) return "it has only digits";
  return wrong_host_name(text);
}

std::string ResourceNameGrammar::objection(std::string_view text) {
  if (std::string wrong = wrong_word(text, "._+-", 128); !wrong.empty()) return wrong;
  return text == "all" ? "drbdadm takes 'all' for every resource" : "";
}

std::string LinkNameGrammar::objection(std::string_view text) {
  if (std::string wrong = wrong_word(text, "._+-", 128); !wrong.empty()) return wrong;
  if (all_digits(text)) return "it has only digits";
  return text == "by-res" || text == "by-disk" ? "udev keeps its own links in /dev/drbd/" + std::string(text) : "";
}

std::string InterfaceNameGrammar::objection(std::string_view text) {
  if (std::string wrong = wrong_word(text, "._-", 15); !wrong.empty()) return wrong; // IFNAMSIZ is 16 with its NUL
  return all_digits(text) ? "it has only digits" : "";
}

std::string AddressGrammar::objection(std::string_view text) {
  if (text.empty()) return "it is empty";
  if (text.find('\0') != text.npos) return "it holds a NUL"; // where inet_pton would stop reading
  const std::string terminated(text);
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return "";
  if (inet_pton(AF_INET6, terminated.c_str(), &v6) == 1) return "";
  if (all_digits(text) || std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; }))
    return "it is neither a host name nor an IP address";
  const std::string wrong = wrong_host_name(text);
  return wrong.empty() ? "" : "it is neither an IP address nor a host name: " + wrong;
}

} // namespace xen_drbd
