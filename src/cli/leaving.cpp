#include "leaving.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xen_drbd::cli {

std::string leaving_mark(const Session& session) { return session.cluster.run_directory + "/leaving"; }

namespace {

Error mark_failed(const Session& session, const std::string& what, const std::string& because) {
  return with_root_hint({.kind = ErrorKind::failed,
                         .what = "the leaving mark of " + session.here() + " could not be " + what,
                         .because = leaving_mark(session) + ": " + because,
                         .while_doing = {},
                         .changed = Changed::no,
                         .hint = {}});
}

} // namespace

std::optional<std::string> leaving_by(const Session& session) {
  struct stat mark {};
  if (stat(leaving_mark(session).c_str(), &mark) != 0) return std::nullopt;
  return fmt::format("{} {}.{}", mark.st_ino, mark.st_mtim.tv_sec, mark.st_mtim.tv_nsec);
}

namespace {

/// Held while the leaving mark changes hands, for moments: an evacuation that is typed while another run ends an older
/// one keeps its mark.
class MarkGuard {
public:
  explicit MarkGuard(const Session& session)
      : directory_(open(session.cluster.run_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (directory_ >= 0 && flock(directory_, LOCK_EX) != 0 && errno == EINTR) {}
  }
  ~MarkGuard() {
    if (directory_ >= 0) close(directory_);
  }
  MarkGuard(const MarkGuard&) = delete;
  MarkGuard& operator=(const MarkGuard&) = delete;

private:
  int directory_;
};

Result<> take_mark_away(const Session& session) {
  const std::string mark = leaving_mark(session);
  if (unlink(mark.c_str()) == 0 || errno == ENOENT) return {};
  return mark_failed(session, "taken away", std::strerror(errno));
}

} // namespace

Result<> set_leaving(Session& session, bool leaving) {
  if (leaving && mkdir(session.cluster.run_directory.c_str(), 0700) != 0 && errno != EEXIST)
    return mark_failed(session, "set", std::strerror(errno));
  const MarkGuard guard(session);
  if (!leaving) return take_mark_away(session);
  const std::string mark = leaving_mark(session);
  const std::string made = mark + ".new";
  unlink(made.c_str());
  const int fd = open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) close(fd);
  if (fd < 0 || rename(made.c_str(), mark.c_str()) != 0) return mark_failed(session, "set", std::strerror(errno));
  session.left_by_this_run = leaving_by(session);
  return {};
}

Result<> take_leaving_back(const Session& session) {
  const MarkGuard guard(session);
  if (session.leaving_at_begin || leaving_by(session) != session.left_by_this_run) return {};
  return take_mark_away(session);
}

Result<> end_leaving(const Session& session) {
  const MarkGuard guard(session);
  const auto by = leaving_by(session);
  const bool is_newer = by && by != session.leaving_at_begin;
  if (by && (is_newer || std::getenv("XEN_DRBD_UNLESS_LEAVING") != nullptr))
    return Error{.kind = ErrorKind::refused,
                 .what = "nothing was started or moved onto " + session.here(),
                 .because = session.here() + " is leaving: " +
                            (is_newer ? "its evacuation was typed after this command" : "it is being evacuated"),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "when it is to stay: xen-drbd evacuate --cancel"};
  return take_mark_away(session);
}

} // namespace xen_drbd::cli
