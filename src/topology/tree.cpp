#include "tree.hpp"

#include "xen_drbd/base/text.hpp"

#include "bytes.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace xen_drbd::topology {
namespace {

constexpr std::size_t deepest = 12;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Builds a Value from the parser's events.
class Builder : public YAML::EventHandler {
public:
  explicit Builder(Problems& problems) : problems_(problems) {}

  [[nodiscard]] int documents() const { return documents_; }
  [[nodiscard]] std::optional<Value> take() && { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2)
      problems_.add(mark.line + 1, mark.column + 1,
                    "found something after the end of the document, expected one document");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(start(Value::Kind::nothing, mark, "", anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    Value value = start(Value::Kind::nothing, mark, "", YAML::NullAnchor);
    problems_.add(value, "found an alias (`*`), expected the value itself: write it out");
    value.reported = true;
    add(std::move(value));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Value value = start(Value::Kind::scalar, mark, tag, anchor);
    value.text = text;
    add(std::move(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(start(Value::Kind::list, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(start(Value::Kind::map, mark, tag, anchor));
  }
  void OnMapEnd() override { close(); }

private:
  Value start(Value::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Value value;
    value.kind = kind;
    value.line = mark.line + 1;
    value.column = mark.column + 1;
    if (anchor != YAML::NullAnchor) problems_.add(value, "found an anchor (`&`), expected the value alone");
    if (!tag.empty() && tag != "?" && tag != "!")
      problems_.add(value, fmt::format("found the tag `{}`, expected a value without a tag", printable(tag)));
    return value;
  }
  void open(Value value) {
    if (open_.size() == deepest && !too_deep_) {
      too_deep_ = true;
      problems_.add(value, "found lists or maps nested more than 12 deep, which no topology needs");
    }
    open_.push_back(std::move(value));
  }
  void close() {
    Value value = std::move(open_.back());
    open_.pop_back();
    add(std::move(value));
  }
  void add(Value value) {
    if (open_.size() > deepest || documents_ > 1) return;
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Value& parent = open_.back();
    const bool is_key = parent.kind == Value::Kind::map && parent.keys.size() == parent.items.size();
    if (value.kind == Value::Kind::nothing && parent.kind == Value::Kind::map && !is_key) {
      value.line = parent.keys.back().line; // the parser's mark for it is the next thing in the file
      value.column = parent.keys.back().column;
    }
    (is_key ? parent.keys : parent.items).push_back(std::move(value));
  }

  Problems& problems_;
  std::optional<Value> root_;
  std::vector<Value> open_;
  int documents_ = 0;
  bool too_deep_ = false;
};

/// What a syntax error of the parser means to someone who wrote the file.
std::string in_plain_words(const std::string& message) {
  if (message == YAML::ErrorMsg::END_OF_SEQ || message == YAML::ErrorMsg::END_OF_MAP)
    return "found a line that fits nothing above it, expected the indentation of its neighbours";
  if (message == YAML::ErrorMsg::END_OF_SEQ_FLOW) return "found no `]` or `,` here, expected the end of a `[` list";
  if (message == YAML::ErrorMsg::END_OF_MAP_FLOW) return "found no `}` or `,` here, expected the end of a `{` map";
  return fmt::format("found what is not YAML ({}), expected a YAML document", printable(message));
}

} // namespace

void Problems::add(int line, int column, std::string text) {
  problems_.push_back({std::max(line, 1), std::max(column, 1), std::move(text)});
}

std::vector<Problem> Problems::sorted() && {
  std::ranges::stable_sort(problems_, [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return std::move(problems_);
}

std::optional<Value> read_tree(std::string_view text, Problems& problems) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  check_bytes(text, problems);
  if (!problems.empty()) return std::nullopt;
  Builder builder(problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // No third document: the parser finds an endless row of them in a stray `,`.
    while (parser.HandleNextDocument(builder) && builder.documents() < 2) {}
  } catch (const YAML::Exception& error) {
    problems.add(error.mark.line + 1, error.mark.column + 1, in_plain_words(error.msg));
    return std::nullopt;
  } catch (const std::exception& error) {
    problems.add(1, 1, fmt::format("the YAML parser gave up ({}), expected a YAML document", printable(error.what())));
    return std::nullopt;
  }
  return std::move(builder).take();
}

} // namespace xen_drbd::topology
