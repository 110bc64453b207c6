#include "xen_drbd/transport/protocol.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

namespace xen_drbd::transport {

namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 8> phase_names{"nothing_sent", "copying", "held", "released",
                                                      "ready",        "passed",  "gone", "plain"};
constexpr std::array<std::string_view, 9> cause_names{"finished",  "asked",          "tool_silent",
                                                      "tool_gone", "signalled",      "ssh_ended",
                                                      "xl_closed", "unknown_stream", "contradicted"};

Error no_message(std::string_view line, std::string because) {
  return Error{.kind = ErrorKind::failed,
               .what = "a line of the migration transport is not understood: " + std::string(line.substr(0, 200)),
               .because = std::move(because),
               .while_doing = {},
               .changed = Changed::unknown,
               .hint = {}};
}

// Takes fields out of one object; the first one that is missing or of another type is remembered.
class Fields {
public:
  explicit Fields(std::string_view line) : json_(Json::parse(line, nullptr, false)) {
    if (!json_.is_object()) wrong_ = "it is no JSON object";
  }
  std::string text(const char* key) {
    const Json* field = find(key);
    if (field && field->is_string()) return field->get<std::string>();
    return miss(key), std::string();
  }
  bool flag(const char* key) {
    const Json* field = find(key);
    if (field && field->is_boolean()) return field->get<bool>();
    return miss(key), false;
  }
  template <class Integer> Integer number(const char* key) {
    const Json* field = find(key);
    if (field && fits<Integer>(*field)) return field->get<Integer>();
    return miss(key), Integer{};
  }
  std::optional<int> maybe_number(const char* key) {
    if (find(key) == nullptr) return std::nullopt;
    return number<int>(key);
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> all;
    const Json* field = find(key);
    if (!field || !field->is_array()) return miss(key), all;
    for (const Json& item : *field) {
      if (!item.is_string()) return miss(key), all;
      all.push_back(item.get<std::string>());
    }
    return all;
  }
  template <class Enum, std::size_t count>
  Enum one_of(const char* key, const std::array<std::string_view, count>& names) {
    const std::string name = text(key);
    for (std::size_t i = 0; i < count; ++i)
      if (names[i] == name) return static_cast<Enum>(i);
    return miss(key), Enum{};
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

private:
  const Json* find(const char* key) const {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }
  template <class Integer> static bool fits(const Json& field) {
    if (field.is_number_unsigned())
      return field.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<Integer>::max());
    if (!field.is_number_integer()) return false;
    const auto value = field.get<std::int64_t>();
    return std::numeric_limits<Integer>::is_signed &&
           value >= static_cast<std::int64_t>(std::numeric_limits<Integer>::min()) &&
           value <= static_cast<std::int64_t>(std::numeric_limits<Integer>::max());
  }
  void miss(const char* key) {
    if (wrong_.empty()) wrong_ = std::string("its field '") + key + "' is missing or of another type";
  }

  Json json_;
  std::string wrong_;
};

std::string one_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json to_json(const Hello& m) {
  return {{"message", "hello"}, {"version", m.version}, {"domain", m.domain},
          {"pid", m.pid},       {"host", m.host},       {"words", m.words}};
}
Json to_json(const Progress& m) {
  return {{"message", "progress"},
          {"phase", std::string(to_string(m.phase))},
          {"stream_bytes", m.stream_bytes},
          {"page_bytes", m.page_bytes}};
}
Json to_json(const Held&) { return {{"message", "held"}}; }
Json to_json(const Ready&) { return {{"message", "ready"}}; }
Json to_json(const Go&) { return {{"message", "go"}}; }
Json to_json(const TargetResult& m) { return {{"message", "result"}, {"status", m.status}}; }
Json to_json(const UnknownStream& m) { return {{"message", "unknown_stream"}, {"why", m.why}}; }
Json to_json(const Ended& m) {
  Json json{{"message", "ended"},
            {"cause", std::string(to_string(m.cause))},
            {"phase", std::string(to_string(m.phase))},
            {"reason", m.reason},
            {"ssh_said", m.ssh_said},
            {"stream_bytes", m.stream_bytes},
            {"page_bytes", m.page_bytes}};
  if (m.ssh_status) json["ssh_status"] = *m.ssh_status;
  if (m.ssh_signal) json["ssh_signal"] = *m.ssh_signal;
  if (m.target_result) json["target_result"] = *m.target_result;
  return json;
}
Json to_json(const Settings& m) {
  return {{"message", "settings"},
          {"version", m.version},
          {"argv", m.argv},
          {"silence_ms", m.silence.count()},
          {"allow_passthrough", m.allow_passthrough}};
}
Json to_json(const Beat&) { return {{"message", "beat"}}; }
Json to_json(const Release&) { return {{"message", "release"}}; }
Json to_json(const Pass&) { return {{"message", "pass"}}; }
Json to_json(const End& m) { return {{"message", "end"}, {"reason", m.reason}}; }

Hello read_hello(Fields& f) {
  return {f.text("version"), f.text("domain"), f.number<std::int64_t>("pid"), f.text("host"), f.texts("words")};
}
Progress read_progress(Fields& f) {
  return {f.one_of<Phase>("phase", phase_names), f.number<std::uint64_t>("stream_bytes"),
          f.number<std::uint64_t>("page_bytes")};
}
Ended read_ended(Fields& f) {
  return {f.one_of<EndCause>("cause", cause_names),
          f.one_of<Phase>("phase", phase_names),
          f.text("reason"),
          f.maybe_number("ssh_status"),
          f.maybe_number("ssh_signal"),
          f.maybe_number("target_result"),
          f.texts("ssh_said"),
          f.number<std::uint64_t>("stream_bytes"),
          f.number<std::uint64_t>("page_bytes")};
}
Settings read_settings(Fields& f) {
  return {f.text("version"), f.texts("argv"), Milliseconds(f.number<std::int64_t>("silence_ms")),
          f.flag("allow_passthrough")};
}

std::optional<std::uint64_t> connection_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

} // namespace

std::string_view to_string(Phase phase) { return phase_names[static_cast<std::size_t>(phase)]; }
std::string_view to_string(EndCause cause) { return cause_names[static_cast<std::size_t>(cause)]; }
std::string_view protocol_version() { return XEN_DRBD_VERSION; }

std::string to_line(const TransportMessage& message) {
  return std::visit([](const auto& m) { return one_line(to_json(m)); }, message);
}
std::string to_line(const ToolMessage& message) {
  return std::visit([](const auto& m) { return one_line(to_json(m)); }, message);
}

Result<TransportMessage> parse_transport_message(std::string_view line) {
  Fields fields(line);
  const std::string kind = fields.text("message");
  TransportMessage message;
  if (kind == "hello")
    message = read_hello(fields);
  else if (kind == "progress")
    message = read_progress(fields);
  else if (kind == "held")
    message = Held{};
  else if (kind == "ready")
    message = Ready{};
  else if (kind == "go")
    message = Go{};
  else if (kind == "result")
    message = TargetResult{fields.number<int>("status")};
  else if (kind == "unknown_stream")
    message = UnknownStream{fields.text("why")};
  else if (kind == "ended")
    message = read_ended(fields);
  else
    return no_message(line, fields.wrong().empty() ? "no transport says '" + kind + "'" : fields.wrong());
  if (!fields.wrong().empty()) return no_message(line, fields.wrong());
  return message;
}

Result<ToolMessage> parse_tool_message(std::string_view line) {
  Fields fields(line);
  const std::string kind = fields.text("message");
  ToolMessage message;
  if (kind == "settings")
    message = read_settings(fields);
  else if (kind == "beat")
    message = Beat{};
  else if (kind == "release")
    message = Release{};
  else if (kind == "pass")
    message = Pass{};
  else if (kind == "end")
    message = End{fields.text("reason")};
  else
    return no_message(line, fields.wrong().empty() ? "no tool says '" + kind + "'" : fields.wrong());
  if (!fields.wrong().empty()) return no_message(line, fields.wrong());
  return message;
}

Result<RelayEvent> parse_relay_event(std::string_view line) {
  constexpr std::string_view closed = "closed ";
  constexpr std::string_view failed = "failed ";
  if (line == "listening") return RelayEvent(RelayListening{});
  if (line.starts_with(failed)) return RelayEvent(RelayFailed{std::string(line.substr(failed.size()))});
  if (line.starts_with(closed)) {
    if (const auto number = connection_number(line.substr(closed.size()))) return RelayEvent(RelayClosed{*number});
  } else if (const auto space = line.find(' '); space != std::string_view::npos) {
    if (const auto number = connection_number(line.substr(0, space)))
      return RelayEvent(RelayLine{*number, std::string(line.substr(space + 1))});
  }
  return no_message(line, "a relay says 'listening', 'N LINE', 'closed N' or 'failed WHY'");
}

std::string to_relay_line(std::uint64_t connection, const ToolMessage& message) {
  return std::to_string(connection) + " " + to_line(message);
}

} // namespace xen_drbd::transport
