#include "render.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

namespace xen_drbd::cli {
namespace {

using engine::DomainReport;
using engine::MigrationProgress;

/// "49.1 MB", "1.2 GB".
std::string amount(double bytes) {
  for (const char* unit : {"B", "kB", "MB", "GB"}) {
    if (bytes < 1000) return fmt::format("{:.{}f} {}", bytes, bytes < 10 && *unit != 'B' ? 1 : 0, unit);
    bytes /= 1000;
  }
  return fmt::format("{:.1f} TB", bytes);
}

class Silent final : public engine::Progress {
public:
  void step_begins(const DomainName&, const model::Step&) override {}
  void step_ended(const DomainName&, const model::Step&, const std::optional<Error>&) override {}
  void migration(const DomainName&, const MigrationProgress&) override {}
  void domain_ended(const DomainReport&) override {}
};

/// Off a terminal: one line for each change.
class Lines final : public engine::Progress {
public:
  explicit Lines(const Session& session) : session_(session) {}

  void step_begins(const DomainName&, const model::Step&) override {}
  void step_ended(const DomainName& domain, const model::Step& step, const std::optional<Error>& error) override {
    const std::scoped_lock guard(mutex_);
    fmt::print(stderr, "{}: {}: {}{}\n", domain.str(), session_.name(node_of(step.action, session_.this_node)), describe(step.action, domain, session_.topology),
               error ? ": failed: " + error->because : "");
  }
  void migration(const DomainName& domain, const MigrationProgress& progress) override {
    const std::scoped_lock guard(mutex_);
    std::string& last = phases_[domain.str()];
    if (last == progress.phase) return;
    last = progress.phase;
    fmt::print(stderr, "{}: {} ({})\n", domain.str(), progress.phase, amount(static_cast<double>(progress.bytes)));
  }
  void domain_ended(const DomainReport&) override {}

private:
  const Session& session_;
  std::mutex mutex_;
  std::map<std::string, std::string> phases_;
};

/// On a terminal: a line for each domain at work, redrawn in place; a bar for a migration.
class Live final : public engine::Progress {
public:
  explicit Live(const Session& session) : session_(session) {}
  ~Live() override { erase(); }

  void step_begins(const DomainName& domain, const model::Step& step) override {
    const std::scoped_lock guard(mutex_);
    Line& line = lines_[domain.str()];
    if (!line.begun) line.begun = Moment::clock::now();
    line.text = fmt::format("{}: {}", session_.name(node_of(step.action, session_.this_node)), describe(step.action, domain, session_.topology));
    draw();
  }
  void step_ended(const DomainName&, const model::Step&, const std::optional<Error>&) override {}
  void migration(const DomainName& domain, const MigrationProgress& progress) override {
    const std::scoped_lock guard(mutex_);
    Line& line = lines_[domain.str()];
    const auto now = Moment::clock::now();
    const double seconds = std::chrono::duration<double>(now - line.measured.value_or(now)).count();
    if (seconds > 0.5 || !line.measured) {
      if (seconds > 0 && progress.bytes >= line.bytes) line.rate = static_cast<double>(progress.bytes - line.bytes) / seconds;
      line.measured = now;
      line.bytes = progress.bytes;
    }
    line.text = fmt::format("{} {:>9}  {:>9}/s  {}", bar(progress), amount(static_cast<double>(progress.bytes)), amount(line.rate), progress.phase);
    draw();
  }
  void domain_ended(const DomainReport& report) override {
    const std::scoped_lock guard(mutex_);
    erase();
    lines_.erase(report.domain.str());
    draw();
  }

private:
  using Moment = std::chrono::steady_clock::time_point;
  struct Line {
    std::string text;
    std::optional<Moment> begun;
    std::optional<Moment> measured;
    std::uint64_t bytes = 0;
    double rate = 0;
  };

  static std::string bar(const MigrationProgress& progress) {
    constexpr std::size_t width = 24;
    const double part = progress.expected == 0 ? 0 : std::min(1.0, static_cast<double>(progress.bytes) / static_cast<double>(progress.expected));
    const auto full = static_cast<std::size_t>(part * width);
    return "[" + std::string(full, '#') + std::string(width - full, ' ') + "]";
  }

  void erase() {
    if (drawn_ > 0) fmt::print(stderr, "\x1b[{}A\x1b[J", drawn_);
    drawn_ = 0;
  }

  void draw() {
    erase();
    for (const auto& [domain, line] : lines_) {
      const double seconds = std::chrono::duration<double>(Moment::clock::now() - line.begun.value_or(Moment::clock::now())).count();
      fmt::print(stderr, "{:<12} {:5.1f} s  {}\n", domain, seconds, line.text.substr(0, 90));
      ++drawn_;
    }
  }

  const Session& session_;
  std::mutex mutex_;
  std::map<std::string, Line> lines_;
  std::size_t drawn_ = 0;
};

} // namespace

std::unique_ptr<engine::Progress> make_progress(const Session& session) {
  if (session.options.quiet) return std::make_unique<Silent>();
  if (isatty(STDERR_FILENO) == 1) return std::make_unique<Live>(session);
  return std::make_unique<Lines>(session);
}

} // namespace xen_drbd::cli
