#pragma once

#include "xen_drbd/base/result.hpp"

#include <compare>
#include <string>
#include <string_view>

namespace xen_drbd {

/// A string that was checked against its grammar once, where it came in, and can hold nothing that xl, DRBD or a shell
/// would misread. `Grammar` names the kind and says what is wrong with a text, or nothing when it is right.
template <class Grammar> class Name {
public:
  /// Fails: ErrorKind::topology with `what` naming the text and `because` saying what is allowed.
  static Result<Name> parse(std::string_view text) {
    if (std::string wrong = Grammar::objection(text); !wrong.empty())
      return Error{.kind = ErrorKind::topology,
                   .what = std::string(Grammar::kind) + " '" + std::string(text) + "' is not a valid name",
                   .because = std::move(wrong),
                   .while_doing = {},
                   .changed = Changed::no,
                   .hint = {}};
    return Name(std::string(text));
  }
  [[nodiscard]] const std::string& str() const { return text_; }
  auto operator<=>(const Name&) const = default; // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads it
  bool operator==(const Name&) const = default;

private:
  explicit Name(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Names of domains and of nodes: `[A-Za-z0-9._+-]`, not only digits (xl takes those for domids: `xl shutdown 0` powers
/// the host off), no leading `-`, no `.` or `..`, not a half-name of xl (`D--incoming`, `D--migratedaway`), nor
/// Domain-0. Source: xen-drbd.yaml(5); tests/data/xl-4.17/parse-stderr-shutdown-no-domain.txt; xen
/// tools/xl/xl_migrate.c.
struct DomainNameGrammar {
  static constexpr std::string_view kind = "domain";
  static std::string objection(std::string_view text);
};
/// Node names: a host name label or dotted host name of the same characters as a domain's, less `+` and `_`.
struct NodeNameGrammar {
  static constexpr std::string_view kind = "node";
  static std::string objection(std::string_view text);
};
/// DRBD resource names: `[A-Za-z0-9._+-]`, no leading `-`. Not `all`: drbdadm takes that for every resource.
struct ResourceNameGrammar {
  static constexpr std::string_view kind = "DRBD resource";
  static std::string objection(std::string_view text);
};
/// Link names below /dev/drbd: the same characters, not only digits, not `by-res` and `by-disk`, which udev owns.
struct LinkNameGrammar {
  static constexpr std::string_view kind = "link";
  static std::string objection(std::string_view text);
};
/// Names of network interfaces and bridges: 1 to 15 characters (IFNAMSIZ less one) of `[A-Za-z0-9._-]`, not only
/// digits.
struct InterfaceNameGrammar {
  static constexpr std::string_view kind = "interface";
  static std::string objection(std::string_view text);
};
/// Where a node is reached: a host name (RFC 1123) or an IPv4 or IPv6 literal, nothing else: `xl migrate` passes it
/// through `sh -c`. Source: xen tools/xl/xl_migrate.c; rule 5.13.
struct AddressGrammar {
  static constexpr std::string_view kind = "address";
  static std::string objection(std::string_view text);
};

using DomainName = Name<DomainNameGrammar>;
using NodeName = Name<NodeNameGrammar>;
using ResourceName = Name<ResourceNameGrammar>;
using LinkName = Name<LinkNameGrammar>;
using InterfaceName = Name<InterfaceNameGrammar>;
using Address = Name<AddressGrammar>;

} // namespace xen_drbd
