#pragma once

#include "xen_drbd/topology/load.hpp"

#include <optional>

namespace xen_drbd::topology {

/// A piece of the YAML file and where it stands. Unlike the library's own node it keeps duplicate keys and the order.
struct Value {
  enum class Kind { nothing, scalar, list, map };
  Kind kind = Kind::nothing;
  int line = 1;
  int column = 1;
  bool reported = false;    ///< it is wrong, and that was said already
  std::string text;         ///< of a scalar
  std::vector<Value> keys;  ///< of a map, beside `items`
  std::vector<Value> items; ///< of a list, or the values of a map
};

/// What was wrong so far.
class Problems {
public:
  void add(int line, int column, std::string text);
  /// Nothing is added about a value that was reported already.
  void add(const Value& at, std::string text) {
    if (!at.reported) add(at.line, at.column, std::move(text));
  }
  [[nodiscard]] bool empty() const { return problems_.empty(); }
  /// All of them, in the order of the file.
  [[nodiscard]] std::vector<Problem> sorted() &&;

private:
  std::vector<Problem> problems_;
};

/// The one YAML document of the text, or problems: bytes that are no text, tabs, syntax errors, several documents,
/// anchors, aliases, tags and nesting that no topology has. Nothing is expanded, so no alias can grow a small file.
[[nodiscard]] std::optional<Value> read_tree(std::string_view text, Problems& problems);

} // namespace xen_drbd::topology
