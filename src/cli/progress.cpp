#include "progress.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"

#include "interrupt.hpp"
#include "output.hpp"
#include "render.hpp"

#include <algorithm>
#include <condition_variable>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

namespace xen_drbd::cli {
namespace {

using engine::DomainReport;
using engine::MigrationProgress;
using model::Step;
using Moment = std::chrono::steady_clock::time_point;

constexpr Milliseconds redraw_interval{500};
constexpr Extent usual_extent{.columns = 80, .rows = 24};

/// "49.1 MB", "1.2 GB".
std::string amount(double bytes) {
  for (const char* unit : {"B", "kB", "MB", "GB"}) {
    if (bytes < 999.5) return fmt::format("{:.{}f} {}", bytes, bytes < 99.95 && *unit != 'B' ? 1 : 0, unit);
    bytes /= 1000;
  }
  return fmt::format("{:.1f} TB", bytes);
}

std::string where_and_what(const Session& session, const DomainName& domain, const Step& step) {
  return fmt::format("{}: {}", session.name(node_of(step.action, session.this_node)),
                     describe(step.action, domain, session.topology));
}

double seconds_between(Moment from, Moment to) { return std::chrono::duration<double>(to - from).count(); }

class Silent final : public engine::Progress {
public:
  void step_begins(const DomainName&, const Step&) override {}
  void step_ended(const DomainName&, const Step&, const std::optional<Error>&) override {}
  void migration(const DomainName&, const MigrationProgress&) override {}
  void xl_migrate(const DomainName&, bool) override {}
  void domain_ended(const DomainReport&) override {}
};

class Lines final : public engine::Progress {
public:
  Lines(const Session& session, Write write) : session_(session), write_(std::move(write)) {}

  void step_begins(const DomainName& domain, const Step& step) override {
    log::info(printable(fmt::format("{}: {}: begins", domain.str(), where_and_what(session_, domain, step))));
  }
  void step_ended(const DomainName& domain, const Step& step, const std::optional<Error>& error) override {
    say(fmt::format("{}: {}{}", domain.str(), where_and_what(session_, domain, step),
                    error ? ": failed: " + error->because : ""));
  }
  void migration(const DomainName& domain, const MigrationProgress& progress) override {
    {
      const std::scoped_lock guard(mutex_);
      if (std::exchange(phases_[domain.str()], progress.phase) == progress.phase) return;
    }
    say(fmt::format("{}: {} ({})", domain.str(), progress.phase, amount(static_cast<double>(progress.bytes))));
  }
  void xl_migrate(const DomainName&, bool) override {}
  void domain_ended(const DomainReport&) override {}

private:
  void say(const std::string& line) {
    const std::scoped_lock guard(mutex_);
    write_(printable(line) + "\n");
  }

  const Session& session_;
  Write write_;
  std::mutex mutex_;
  std::map<std::string, std::string> phases_;
};

class Live final : public engine::Progress {
public:
  Live(const Session& session, Write write, engine::Clock& clock, std::function<Extent()> extent, Milliseconds tick)
      : session_(session), write_(std::move(write)), clock_(clock), extent_(std::move(extent)) {
    if (tick.count() > 0)
      ticker_ = std::jthread([this, tick](const std::stop_token& stop) { redraw_every(tick, stop); });
    log::divert([this](std::string_view line) { above(line); });
  }
  ~Live() override {
    log::divert({});
    ticker_ = {};
    write_(erasure());
  }
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  void step_begins(const DomainName& domain, const Step& step) override {
    const std::scoped_lock guard(mutex_);
    line_of(domain).text = where_and_what(session_, domain, step);
    draw();
  }
  void step_ended(const DomainName&, const Step&, const std::optional<Error>&) override {}
  void migration(const DomainName& domain, const MigrationProgress& progress) override {
    const std::scoped_lock guard(mutex_);
    Line& line = line_of(domain);
    measure(line, progress.bytes);
    line.text = fmt::format("{} {:>8} {:>8}/s  {}", bar(progress), amount(static_cast<double>(progress.bytes)),
                            amount(line.rate), progress.phase);
    draw();
  }
  void xl_migrate(const DomainName&, bool) override {}
  void domain_ended(const DomainReport& report) override {
    const std::scoped_lock guard(mutex_);
    lines_.erase(report.domain.str());
    draw();
  }

private:
  struct Line {
    std::string text;
    Moment begun;
    std::optional<Moment> measured;
    std::uint64_t bytes = 0;
    double rate = 0; ///< Units: bytes per second
  };

  Line& line_of(const DomainName& domain) {
    return lines_.try_emplace(domain.str(), Line{.text = {}, .begun = clock_.now(), .measured = {}}).first->second;
  }

  void measure(Line& line, std::uint64_t bytes) {
    const Moment now = clock_.now();
    const double seconds = line.measured ? seconds_between(*line.measured, now) : 0;
    if (line.measured && seconds < 0.5) return;
    if (line.measured && bytes >= line.bytes) line.rate = static_cast<double>(bytes - line.bytes) / seconds;
    line.measured = now;
    line.bytes = bytes;
  }

  static std::string bar(const MigrationProgress& progress) {
    constexpr std::size_t width = 16;
    const double part =
        progress.expected == 0
            ? 0
            : std::min(1.0, static_cast<double>(progress.bytes) / static_cast<double>(progress.expected));
    const auto full = static_cast<std::size_t>(part * width);
    return "[" + std::string(full, '#') + std::string(width - full, ' ') + "]";
  }

  std::string erasure() {
    const std::size_t drawn = std::exchange(drawn_, 0);
    return drawn == 0 ? "" : fmt::format("\x1b[{}A\x1b[J", drawn);
  }

  void draw() {
    std::string text = erasure();
    const Extent extent = extent_();
    const std::size_t columns = std::max<std::size_t>(extent.columns, 2);
    const std::size_t room = std::max<std::size_t>(extent.rows, 3) - 1; // the cursor stands below the lines
    const std::size_t whole = lines_.size() <= room ? lines_.size() : room - 1;
    const auto add = [&](const std::string& line) {
      text += printable(line).substr(0, columns - 1) + "\n";
      ++drawn_;
    };
    for (const auto& [domain, line] : lines_) {
      if (drawn_ == whole) break;
      add(fmt::format("{:<12} {:5.1f} s  {}", domain, seconds_between(line.begun, clock_.now()), line.text));
    }
    if (whole < lines_.size()) add(fmt::format("and {} more", lines_.size() - whole));
    write_(text);
  }

  /// What is logged meanwhile stays on the screen, above the lines that change.
  void above(std::string_view line) {
    const std::scoped_lock guard(mutex_);
    write_(erasure().append(line));
    draw();
  }

  void redraw_every(Milliseconds tick, const std::stop_token& stop) {
    std::unique_lock guard(mutex_);
    while (!pause_.wait_for(guard, stop, tick, [&] { return stop.stop_requested(); })) draw();
  }

  const Session& session_;
  Write write_;
  engine::Clock& clock_;
  std::function<Extent()> extent_;
  std::mutex mutex_;
  std::condition_variable_any pause_;
  std::map<std::string, Line> lines_;
  std::size_t drawn_ = 0;
  std::jthread ticker_;
};

Extent terminal_extent() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return usual_extent;
  return {.columns = size.ws_col, .rows = size.ws_row};
}

/// Whether stderr is a terminal whose cursor can be moved, and nothing else is written to it meanwhile.
bool can_redraw() { return has_cursor(STDERR_FILENO) && !log::shows(log::Level::verbose); }

/// All that a run says while it acts, log lines too, on its way aside.
class OnTheSide final : public engine::Progress {
public:
  explicit OnTheSide(const Session& session) {
    log::divert(write_message);
    if (session.options.quiet)
      shown_ = std::make_unique<Silent>();
    else if (can_redraw())
      shown_ = live_progress(session, write_message, engine::system_clock(), terminal_extent, redraw_interval);
    else
      shown_ = line_progress(session, write_message);
  }
  ~OnTheSide() override {
    shown_.reset();
    log::divert({});
  }
  OnTheSide(const OnTheSide&) = delete;
  OnTheSide& operator=(const OnTheSide&) = delete;

  void step_begins(const DomainName& domain, const Step& step) override { shown_->step_begins(domain, step); }
  void step_ended(const DomainName& domain, const Step& step, const std::optional<Error>& error) override {
    shown_->step_ended(domain, step, error);
  }
  void migration(const DomainName& domain, const MigrationProgress& progress) override {
    shown_->migration(domain, progress);
  }
  void xl_migrate(const DomainName& domain, bool lives) override { shown_->xl_migrate(domain, lives); }
  void domain_ended(const DomainReport& report) override { shown_->domain_ended(report); }

private:
  Aside aside_;
  std::unique_ptr<engine::Progress> shown_;
};

/// Tells besides what a second signal has to name (rule 5.9): of each domain the step under way, and the xl migrate
/// that was not seen to end.
class Told final : public engine::Progress {
public:
  Told(const Session& session, std::unique_ptr<engine::Progress> shown) : session_(session), shown_(std::move(shown)) {}
  ~Told() override {
    for (const auto& [domain, work] : works_) set_under_way(domain, {});
  }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;

  void step_begins(const DomainName& domain, const Step& step) override {
    works_[domain.str()].step = where_and_what(session_, domain, step);
    tell(domain);
    shown_->step_begins(domain, step);
  }
  void step_ended(const DomainName& domain, const Step& step, const std::optional<Error>& error) override {
    works_[domain.str()].step.clear();
    tell(domain);
    shown_->step_ended(domain, step, error);
  }
  void migration(const DomainName& domain, const MigrationProgress& progress) override {
    shown_->migration(domain, progress);
  }
  void xl_migrate(const DomainName& domain, bool lives) override {
    Work& work = works_[domain.str()];
    work.xl_migrate = lives ? std::exchange(work.step, {}) : "";
    tell(domain);
    shown_->xl_migrate(domain, lives);
  }
  void domain_ended(const DomainReport& report) override {
    works_[report.domain.str()].step.clear();
    tell(report.domain);
    shown_->domain_ended(report);
  }

private:
  struct Work {
    std::string xl_migrate; ///< the step by which it was started
    std::string step;
  };

  void tell(const DomainName& domain) {
    const Work& work = works_[domain.str()];
    const bool both = !work.xl_migrate.empty() && !work.step.empty();
    set_under_way(domain.str(), work.xl_migrate + (both ? "\n" : "") + work.step);
  }

  const Session& session_;
  std::unique_ptr<engine::Progress> shown_;
  std::map<std::string, Work> works_;
};

} // namespace

std::unique_ptr<engine::Progress> line_progress(const Session& session, Write write) {
  return std::make_unique<Lines>(session, std::move(write));
}

std::unique_ptr<engine::Progress> live_progress(const Session& session, Write write, engine::Clock& clock,
                                                std::function<Extent()> extent, Milliseconds tick) {
  return std::make_unique<Live>(session, std::move(write), clock, std::move(extent), tick);
}

std::unique_ptr<engine::Progress> make_progress(const Session& session) {
  return std::make_unique<Told>(session, std::make_unique<OnTheSide>(session));
}

} // namespace xen_drbd::cli
