#include "xen_drbd/topology/load.hpp"

#include "xen_drbd/base/text.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xen_drbd::topology {
namespace {

Error unusable(const std::string& path, std::string because, std::string hint) {
  return Error{.kind = ErrorKind::topology,
               .what = fmt::format("the topology file {} cannot be used", printable(path)),
               .because = std::move(because),
               .while_doing = {},
               .changed = Changed::no,
               .hint = std::move(hint)};
}

class Descriptor {
public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

private:
  int number_;
};

Result<> check_file(const std::string& path, const struct stat& file) {
  if (!S_ISREG(file.st_mode)) return unusable(path, "it is not a regular file", "");
  if (file.st_uid != 0 && file.st_uid != ::geteuid())
    return unusable(path, fmt::format("it belongs to user {}, who is neither root nor you", file.st_uid),
                    fmt::format("read it, then: chown root {}", printable(path)));
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return unusable(path, fmt::format("others than its owner may write it (mode {:04o})", file.st_mode & 07777U),
                    fmt::format("read it, then: chmod go-w {}", printable(path)));
  if (static_cast<std::size_t>(file.st_size) > largest_file)
    return unusable(path, fmt::format("it has {} bytes; a topology has at most {}", file.st_size, largest_file), "");
  return {};
}

} // namespace

Error as_error(const std::string& path, const std::vector<Problem>& problems) {
  std::string all;
  for (const Problem& problem : problems)
    all += fmt::format("{}{}:{}:{}: {}", all.empty() ? "" : "\n", printable(path), problem.line, problem.column,
                       problem.text);
  return Error{.kind = ErrorKind::topology,
               .what = fmt::format("the topology file {} has {}", printable(path),
                                   problems.size() == 1 ? "an error" : fmt::format("{} errors", problems.size())),
               .because = std::move(all),
               .while_doing = {},
               .changed = Changed::no,
               .hint = {}};
}

Result<std::string> read_topology(const std::string& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (descriptor.number() < 0) {
    const int reason = errno;
    return unusable(path, fmt::format("it cannot be opened: {}", std::strerror(reason)),
                    reason == ENOENT
                        ? "write it (man xen-drbd.yaml has an example), or name another with --topology NAME|FILE"
                        : "");
  }
  struct stat file {};
  if (::fstat(descriptor.number(), &file) != 0)
    return unusable(path, fmt::format("its owner cannot be read: {}", std::strerror(errno)), "");
  XEN_DRBD_CHECK(check_file(path, file));
  std::string text;
  std::array<char, 16384> block{};
  while (text.size() <= largest_file) {
    const ssize_t count = ::read(descriptor.number(), block.data(), block.size());
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unusable(path, fmt::format("it cannot be read: {}", std::strerror(errno)), "");
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  return unusable(path, fmt::format("it has more than {} bytes", largest_file), "");
}

Result<model::Topology> load_topology(const TopologyFile& file) {
  XEN_DRBD_TRY(const std::string text, read_topology(file.path));
  Parsed parsed = parse_topology(text, file);
  if (!parsed) return as_error(file.path, parsed.error());
  return std::move(*parsed);
}

} // namespace xen_drbd::topology
