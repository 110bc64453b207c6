#include "xen_drbd/drbd/act.hpp"

#include "xen_drbd/base/text.hpp"

#include "answer.hpp"

#include <array>
#include <optional>

namespace xen_drbd::drbd {
namespace {

host::Command drbdadm(std::vector<std::string> arguments, const ResourceName& resource) {
  arguments.insert(arguments.begin(), "drbdadm");
  arguments.push_back(resource.str());
  return {.argv = std::move(arguments), .timeout = Milliseconds{60'000}};
}

/// "Failure: (164) Can not clear ..." or "State change failed: (-12) Device is ...".
struct Complaint {
  int code = 0;
  std::string text;
};

std::optional<Complaint> complaint_in(std::string_view err) {
  const auto all = lines(err);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::string_view mark : {"State change failed: (", "Failure: ("}) {
      const std::size_t start = all[i].find(mark);
      if (start == std::string_view::npos) continue;
      const std::string_view rest = all[i].substr(start + mark.size());
      const std::size_t end = rest.find(')');
      const auto code = number<int>(rest.substr(0, end));
      if (!code) continue;
      Complaint complaint{.code = *code, .text = std::string(trimmed(rest.substr(end + 1)))};
      // some sentences go on in the next line; what the kernel adds follows its own heading
      for (std::size_t next = i + 1; next < all.size() && !all[next].starts_with("Command '"); ++next)
        if (!all[next].starts_with("additional info")) complaint.text.append(" ").append(trimmed(all[next]));
      return complaint;
    }
  }
  return std::nullopt;
}

Refusal meaning_of(int code) {
  struct Meaning {
    int code;
    Refusal refusal;
  };
  static constexpr auto meanings = std::to_array<Meaning>({
      {-1, Refusal::two_primaries},        // SS_TWO_PRIMARIES
      {-2, Refusal::no_good_data},         // SS_NO_UP_TO_DATE_DISK
      {-12, Refusal::held_open},           // SS_DEVICE_IN_USE
      {-18, Refusal::transient},           // SS_IN_TRANSIENT_STATE
      {-19, Refusal::transient},           // SS_CONCURRENT_ST_CHG
      {-20, Refusal::two_primaries},       // SS_O_VOL_PEER_PRI
      {-23, Refusal::transient},           // SS_TIMEOUT of 9
      {102, Refusal::already_connecting},  // ERR_LOCAL_ADDR
      {125, Refusal::already_connecting},  // ERR_NET_CONFIGURED
      {173, Refusal::already_connecting},  // ERR_LOCAL_AND_PEER_ADDR of 9
      {127, Refusal::not_up},              // ERR_MINOR_INVALID
      {129, Refusal::transient},           // ERR_INTR
      {158, Refusal::not_up},              // ERR_RES_NOT_KNOWN
      {164, Refusal::still_two_primaries}, // ERR_NEED_ALLOW_TWO_PRI
  });
  for (const auto& meaning : meanings)
    if (meaning.code == code) return meaning.refusal;
  return Refusal::other;
}

/// What drbdadm itself says before it ever asks the kernel.
Refusal meaning_of(const host::Outcome& outcome) {
  const std::string_view err = outcome.err;
  const auto says = [&](std::string_view text) { return err.find(text) != std::string_view::npos; };
  if (outcome.status == 17) return Refusal::no_good_data;
  if (says("not defined in your config")) return Refusal::unknown_resource;
  if (says("No such resource")) return Refusal::not_up;
  if (says("Parse error")) return Refusal::bad_configuration;
  return Refusal::other;
}

} // namespace

host::Command primary_command(const ResourceName& resource) { return drbdadm({"primary"}, resource); }

host::Command secondary_command(const ResourceName& resource) { return drbdadm({"secondary"}, resource); }

host::Command two_primaries_command(const ResourceName& resource, bool allow) {
  return drbdadm({"net-options", allow ? "--allow-two-primaries=yes" : "--allow-two-primaries=no"}, resource);
}

host::Command connect_command(const ResourceName& resource) { return drbdadm({"connect"}, resource); }

host::Command connect_discarding_command(const ResourceName& resource) {
  return drbdadm({"connect", "--discard-my-data"}, resource);
}

Explanation explain(const host::Outcome& outcome) {
  if (outcome.ok()) return {};
  if (outcome.end != host::End::exited)
    return {.refusal = Refusal::outcome_unknown, .text = excerpt(host::describe(outcome))};
  if (const auto complaint = complaint_in(outcome.err))
    return {.refusal = meaning_of(complaint->code), .text = excerpt(complaint->text)};
  return {.refusal = meaning_of(outcome), .text = failure(outcome)};
}

bool retry_is_sensible(Refusal refusal) { return refusal == Refusal::held_open || refusal == Refusal::transient; }

} // namespace xen_drbd::drbd
