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

namespace {

/// As init/boot.in writes it too, with stat(1).
std::optional<std::string> identity_of(const std::string& path) {
  struct stat mark {};
  if (stat(path.c_str(), &mark) != 0) return std::nullopt;
  return fmt::format("{} {}.{:09}", mark.st_ino, mark.st_mtim.tv_sec, mark.st_mtim.tv_nsec);
}

/// Where the older mark is kept that an evacuation has replaced.
std::string older_mark(const Session& session) { return leaving_mark(session) + ".older"; }

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
  unlink(older_mark(session).c_str());
  const std::string mark = leaving_mark(session);
  if (unlink(mark.c_str()) == 0 || errno == ENOENT) return {};
  return mark_failed(session, "taken away", std::strerror(errno));
}

} // namespace

std::optional<std::string> leaving_by(const Session& session) { return identity_of(leaving_mark(session)); }

Result<> set_leaving(Session& session, bool leaving) {
  if (leaving && mkdir(session.cluster.run_directory.c_str(), 0700) != 0 && errno != EEXIST)
    return mark_failed(session, "set", std::strerror(errno));
  const MarkGuard guard(session);
  if (!leaving) return take_mark_away(session);
  const std::string mark = leaving_mark(session);
  const std::string made = mark + ".new";
  unlink(made.c_str());
  const int fd = open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return mark_failed(session, "set", std::strerror(errno));
  close(fd);
  unlink(older_mark(session).c_str());
  // where there is none, or it cannot be kept, take_leaving_back leaves the new one
  [[maybe_unused]] const int kept = link(mark.c_str(), older_mark(session).c_str());
  if (rename(made.c_str(), mark.c_str()) != 0) return mark_failed(session, "set", std::strerror(errno));
  session.left_by_this_run = leaving_by(session);
  return {};
}

Result<> take_leaving_back(const Session& session) {
  const MarkGuard guard(session);
  if (leaving_by(session) != session.left_by_this_run) return {};
  if (!session.leaving_at_begin) return take_mark_away(session);
  if (identity_of(older_mark(session)) != session.leaving_at_begin) return {};
  if (rename(older_mark(session).c_str(), leaving_mark(session).c_str()) == 0) return {};
  return mark_failed(session, "taken back", std::strerror(errno));
}

bool leaves_as_before(const Session& session) {
  const auto by = leaving_by(session);
  const char* named = std::getenv("XEN_DRBD_UNLESS_LEAVING");
  return by && by == session.leaving_at_begin && (named == nullptr || *by == named);
}

Result<> end_leaving(const Session& session) {
  const MarkGuard guard(session);
  const auto by = leaving_by(session);
  if (by && !leaves_as_before(session))
    return Error{.kind = ErrorKind::refused,
                 .what = "nothing was started or moved onto " + session.here(),
                 .because = session.here() + " is leaving: " +
                            (by != session.leaving_at_begin ? "its evacuation was typed after this command"
                                                            : "it is being evacuated"),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "when it is to stay: xen-drbd evacuate --cancel"};
  return take_mark_away(session);
}

} // namespace xen_drbd::cli
