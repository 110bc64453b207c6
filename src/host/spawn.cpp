#include "spawn.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>

namespace xen_drbd::host {
namespace {

struct Pipe {
  Fd read;
  Fd write;
};

/// Above the standard streams, even where those are closed.
Fd lifted(int fd) {
  if (fd > 2) return Fd(fd);
  Fd low(fd);
  return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

Result<Pipe> make_pipe() {
  int ends[2];
  Pipe pipe;
  if (::pipe2(ends, O_CLOEXEC) == 0) pipe = {.read = lifted(ends[0]), .write = lifted(ends[1])};
  if (!pipe.read || !pipe.write)
    return Error{.kind = ErrorKind::failed,
                 .what = "no pipe could be made",
                 .because = std::strerror(errno),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = {}};
  return pipe;
}

void make_nonblocking(const Fd& fd) { ::fcntl(fd.number(), F_SETFL, ::fcntl(fd.number(), F_GETFL) | O_NONBLOCK); }

} // namespace

Result<Child> spawn(const std::vector<std::string>& argv) {
  XEN_DRBD_TRY(Pipe in, make_pipe());
  XEN_DRBD_TRY(Pipe out, make_pipe());
  XEN_DRBD_TRY(Pipe err, make_pipe());

  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in.read.number(), 0);
  posix_spawn_file_actions_adddup2(&files, out.write.number(), 1);
  posix_spawn_file_actions_adddup2(&files, err.write.number(), 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  Child child;
  const int problem = ::posix_spawnp(&child.pid, words.front(), &files, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (problem != 0)
    return Error{.kind = ErrorKind::failed,
                 .what = argv.front() + " could not be started",
                 .because = std::strerror(problem),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = {}};
  child.in = std::move(in.write);
  child.out = std::move(out.read);
  child.err = std::move(err.read);
  make_nonblocking(child.in);
  make_nonblocking(child.out);
  make_nonblocking(child.err);
  return child;
}

} // namespace xen_drbd::host
