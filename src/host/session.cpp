#include "session.hpp"

#include <sys/stat.h>

namespace xen_drbd::host {

void SessionCloser::lend(int number) {
  struct stat status {};
  if (::fstat(number, &status) != 0) return;
  socket = number;
  inode = status.st_ino;
}

void SessionCloser::operator()(ssh_session session) const {
  ssh_disconnect(session);
  ssh_free(session);
  struct stat status {};
  if (socket >= 0 && ::fstat(socket, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_ino == inode)
    ::close(socket);
}

Error unreachable(const Target& target, const std::string& doing, const std::string& because, std::string hint) {
  return {.kind = ErrorKind::unreachable,
          .what = target.node + " cannot be reached",
          .because = because,
          .while_doing = {doing + ": " + because},
          .changed = Changed::no,
          .hint = std::move(hint)};
}

} // namespace xen_drbd::host
