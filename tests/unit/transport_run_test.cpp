#include "transport_rig.hpp"

using namespace test_rig;
using namespace test_stream;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string stream = body();
const std::string go(permission_to_go);
const std::string good_report = std::string(target_report) + '\0';

std::size_t whole() { return stream.size() + end_record.size(); }

/// From the banner until the last record is held.
void copy(Rig& rig) {
  rig.begin(stream + end_record);
  rig.wait_for<Held>();
}
void copy_until_ready(Rig& rig) {
  copy(rig);
  rig.say(Release{});
  rig.wait_for<Ready>();
}
void copy_until_passed(Rig& rig) {
  copy_until_ready(rig);
  rig.say(Pass{});
  CHECK(rig.answer(target_ready.size()) == target_ready);
}
/// The migration failed as it should: xl sees the end on both sides, the transport's exit is no success.
Ended failed(Rig& rig, EndCause cause, Phase phase) {
  const auto ended = rig.wait_for<Ended>();
  INFO(ended.reason);
  CHECK(ended.cause == cause);
  CHECK(ended.phase == phase);
  CHECK(rig.last_answers().empty());
  CHECK(rig.exit_status() != 0);
  CHECK(::write(rig.to.number(), "x", 1) == -1);
  return ended;
}

} // namespace

TEST_CASE("a migration goes through unchanged, step by step") {
  Rig rig;
  const Hello hello = rig.accept();
  CHECK(hello.domain == "vm1");
  CHECK(hello.version == protocol_version());
  CHECK(hello.host == "10.77.0.2");
  CHECK(hello.words == std::vector<std::string>{"xl", "migrate-receive"});
  rig.say(Settings{std::string(protocol_version()), {"sh", "-c", far_end(rig.dir, whole())}});
  rig.begin(stream + end_record);
  rig.wait_for<Held>();
  CHECK(settles(rig.dir / "stream", stream));
  rig.say(Release{});
  rig.wait_for<Ready>();
  CHECK(settles(rig.dir / "stream", stream + end_record));
  CHECK_FALSE(rig.has_answer());
  rig.say(Pass{});
  CHECK(rig.answer(target_ready.size()) == target_ready);
  rig.send(go);
  rig.wait_for<Go>();
  CHECK(rig.wait_for<TargetResult>().status == 0);
  CHECK(rig.answer(good_report.size()) == good_report);
  rig.to.close();
  const auto ended = rig.wait_for<Ended>();
  CHECK(ended.cause == EndCause::finished);
  CHECK(ended.phase == Phase::gone);
  CHECK(ended.ssh_status == 0);
  CHECK(ended.target_result == 0);
  CHECK(ended.page_bytes == 5000 + 16);
  CHECK(ended.stream_bytes == whole() + go.size());
  CHECK(rig.exit_status() == 0);
  CHECK(settles(rig.dir / "go", go));
  CHECK(content(rig.dir / "rest").empty());
}

TEST_CASE("progress tells of every phase in its order, with exact counts") {
  Rig rig;
  rig.start(far_end(rig.dir, whole()));
  copy_until_passed(rig);
  rig.send(go);
  rig.wait_for<Go>();
  std::vector<Phase> phases;
  for (const auto& said : rig.progress)
    if (phases.empty() || phases.back() != said.phase) phases.push_back(said.phase);
  CHECK(phases ==
        std::vector<Phase>{Phase::copying, Phase::held, Phase::released, Phase::ready, Phase::passed, Phase::gone});
  for (const auto& said : rig.progress) {
    if (said.phase == Phase::held) CHECK((said.stream_bytes == stream.size() && said.page_bytes == 5016));
    if (said.phase == Phase::ready) CHECK(said.stream_bytes == whole());
  }
}

TEST_CASE("the last record stays held, however long the tool takes, until it is released") {
  Rig rig;
  rig.start(far_end(rig.dir, whole()));
  copy(rig);
  for (int i = 0; i < 10; ++i) {
    rig.say(Beat{});
    CHECK_FALSE(rig.next(50ms));
  }
  CHECK(settles(rig.dir / "stream", stream));
}

TEST_CASE("the tool is told that the last record is held only when ssh has read all before it") {
  Rig rig;
  rig.start("printf '" + std::string(target_banner.substr(0, 53)) + "\\n'; until [ -e " + rig.dir.path() +
            "/go ]; do sleep 0.02; done; exec cat >" + rig.dir.path() + "/stream");
  rig.begin(stream + end_record);
  rig.wait_for_phase(Phase::held);
  CHECK_FALSE(rig.next(200ms));
  std::ofstream(rig.dir / "go");
  rig.wait_for<Held>();
}

TEST_CASE("without a tool that listens nothing is started and xl sees a failed transport") {
  const Directory dir;
  auto in = open_pipe(), out = open_pipe(), err = open_pipe();
  TransportArguments arguments;
  arguments.run = "run1";
  arguments.domain = "vm1";
  arguments.run_directory = dir.path();
  arguments.in = ::fcntl(in->read_end.number(), F_DUPFD, 3);
  arguments.out = ::fcntl(out->write_end.number(), F_DUPFD, 3);
  arguments.err = err->write_end.number();
  CHECK(run_transport(arguments) == 1);
  std::string said;
  CHECK(read_some(err->read_end.number(), said, 1000) == Flow::moved);
  CHECK_THAT(said, ContainsSubstring("nobody listens at " + dir.path() + "/run1.sock"));
  out->write_end.close();
  CHECK(read_some(out->read_end.number(), said, 1000) == Flow::closed);
}

TEST_CASE("a tool that does not answer ends the transport before ssh is started") {
  Rig rig(Milliseconds(100));
  rig.accept();
  CHECK_FALSE(failed(rig, EndCause::tool_silent, Phase::nothing_sent).ssh_status);
}

TEST_CASE("a tool of another version ends the transport before ssh is started") {
  Rig rig;
  rig.accept();
  Settings settings;
  settings.version = "0.0.9";
  settings.argv = {"touch", rig.dir / "started"};
  rig.say(settings);
  const auto ended = failed(rig, EndCause::contradicted, Phase::nothing_sent);
  CHECK_THAT(ended.reason, ContainsSubstring("0.0.9"));
  CHECK_FALSE(std::filesystem::exists(rig.dir / "started"));
}

TEST_CASE("a tool that talks nonsense, or out of turn, ends the transport") {
  SECTION("nonsense") {
    Rig rig;
    rig.accept();
    rig.tool.send("nonsense");
    failed(rig, EndCause::contradicted, Phase::nothing_sent);
  }
  SECTION("a release before the last record came") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()));
    rig.begin(stream);
    rig.wait_for_phase(Phase::copying);
    rig.say(Release{});
    failed(rig, EndCause::contradicted, Phase::copying);
  }
  SECTION("a pass while the last record is held") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()));
    copy(rig);
    rig.say(Pass{});
    failed(rig, EndCause::contradicted, Phase::held);
  }
}

TEST_CASE("an ssh that is not there is a failed migration") {
  Rig rig;
  rig.accept();
  Settings settings;
  settings.argv = {rig.dir / "no-such-ssh"};
  rig.say(settings);
  CHECK_THAT(failed(rig, EndCause::ssh_ended, Phase::nothing_sent).reason, ContainsSubstring("No such file"));
}

TEST_CASE("end is obeyed at once in every phase before ready was passed, and the target never has the last word") {
  const auto phase = GENERATE(Phase::nothing_sent, Phase::copying, Phase::held, Phase::released, Phase::ready);
  INFO(to_string(phase));
  Rig rig;
  // the far end of `released` waits for one byte more than it will get
  rig.start(far_end(rig.dir, whole() + (phase == Phase::released ? 1 : 0)));
  if (phase == Phase::nothing_sent) CHECK(rig.answer(target_banner.size()) == target_banner);
  if (phase == Phase::copying) {
    rig.begin(stream);
    rig.wait_for_phase(phase);
  }
  if (phase == Phase::held) copy(rig);
  if (phase == Phase::released) {
    copy(rig);
    rig.say(Release{});
    rig.wait_for_phase(phase);
  }
  if (phase == Phase::ready) copy_until_ready(rig);
  const auto before = Clock::now();
  rig.say(End{"the deadline is over"});
  const auto ended = failed(rig, EndCause::asked, phase);
  CHECK(Clock::now() - before < 10s);
  CHECK(ended.reason == "the deadline is over");
  CHECK(ended.ssh_signal == SIGTERM);
  CHECK_FALSE(ended.target_result);
  CHECK_THAT(rig.errors(), ContainsSubstring("the deadline is over"));
  if (phase == Phase::held)
    CHECK(settles(rig.dir / "stream", stream));
  else if (phase < Phase::held)
    CHECK(stream.starts_with(content(rig.dir / "stream")));
}

TEST_CASE("an ssh that ignores SIGTERM is killed") {
  Rig rig;
  rig.start(
      "trap '' TERM; printf 'xl migration receiver ready, send binary domain data.\\n'; while :; do sleep 0.1; done");
  CHECK(rig.answer(target_banner.size()) == target_banner);
  rig.say(End{"enough"});
  CHECK(failed(rig, EndCause::asked, Phase::nothing_sent).ssh_signal == SIGKILL);
}

TEST_CASE("SIGTERM, SIGINT and SIGHUP end it before ready was passed") {
  const int number = GENERATE(SIGTERM, SIGINT, SIGHUP);
  Rig rig;
  rig.start(far_end(rig.dir, whole()));
  copy(rig);
  rig.signal(number);
  CHECK(failed(rig, EndCause::signalled, Phase::held).reason == "SIG" + std::string(::sigabbrev_np(number)));
}

TEST_CASE("a tool that falls silent, or goes, ends it before ready was passed") {
  SECTION("silent while copying") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()), Milliseconds(4000));
    rig.begin(stream);
    failed(rig, EndCause::tool_silent, Phase::copying);
  }
  SECTION("silent while ready is held") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()), Milliseconds(4000));
    copy_until_ready(rig);
    failed(rig, EndCause::tool_silent, Phase::ready);
  }
  SECTION("gone while the last record is held") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()));
    copy(rig);
    rig.tool.close();
    CHECK(rig.last_answers().empty());
    CHECK(rig.exit_status() != 0);
    CHECK(settles(rig.dir / "stream", stream));
  }
}

TEST_CASE("a tool that beats is not silent") {
  Rig rig;
  rig.start(far_end(rig.dir, whole()), Milliseconds(4000));
  copy(rig);
  for (int i = 0; i < 12; ++i) {
    std::this_thread::sleep_for(400ms);
    rig.say(Beat{});
  }
  CHECK_FALSE(rig.next(10ms));
  rig.say(Release{});
  rig.wait_for<Ready>();
}

TEST_CASE("once ready was passed nothing ends it by choice: the migration is carried to its end") {
  const std::string what = GENERATE("end", "silence", "gone", "signal", "nonsense");
  INFO(what);
  Rig rig;
  rig.start(far_end(rig.dir, whole()), Milliseconds(what == "silence" ? 4000 : 20'000));
  copy_until_passed(rig);
  if (what == "end") rig.say(End{"too late"});
  if (what == "gone") rig.tool.close();
  if (what == "signal") rig.signal(SIGTERM);
  if (what == "nonsense") rig.tool.send("nonsense");
  std::this_thread::sleep_for(what == "silence" ? 6000ms : 500ms);
  rig.send(go);
  CHECK(rig.answer(good_report.size()) == good_report);
  if (what == "signal") rig.signal(SIGINT);
  rig.to.close();
  CHECK(rig.last_answers().empty());
  CHECK(rig.exit_status() == 0);
  CHECK(settles(rig.dir / "go", go));
}

TEST_CASE("the report of a failed start at the target reaches xl and the tool") {
  Rig rig;
  rig.start(far_end(rig.dir, whole(), "\\006domain is yours, you are cleared to unpause\\0"));
  copy_until_passed(rig);
  rig.send(go);
  rig.wait_for<Go>();
  CHECK(rig.wait_for<TargetResult>().status == 6);
  const std::string report = std::string(target_report) + '\6' + go;
  CHECK(rig.answer(report.size()) == report);
  rig.to.close();
  CHECK(rig.wait_for<Ended>().target_result == 6);
}

TEST_CASE("an xl that gives up is passed on to the target as the end of its stream") {
  SECTION("in the copy") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()));
    rig.begin(stream);
    rig.to.close();
    CHECK(rig.wait_for<Ended>().cause == EndCause::xl_closed);
    CHECK(rig.exit_status() != 0);
  }
  SECTION("while the last record is held, which is then never sent") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()));
    copy(rig);
    rig.to.close();
    CHECK(rig.wait_for<Ended>().cause == EndCause::xl_closed);
    CHECK(rig.exit_status() != 0);
    CHECK(settles(rig.dir / "stream", stream));
  }
  SECTION("while ready is held, which is then never passed") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()));
    copy_until_ready(rig);
    rig.to.close();
    CHECK(rig.wait_for<Ended>().phase == Phase::ready);
    CHECK(rig.last_answers().empty());
  }
  SECTION("before the settings came") {
    Rig rig;
    rig.accept();
    rig.to.close();
    CHECK(rig.wait_for<Ended>().cause == EndCause::xl_closed);
  }
  SECTION("instead of GO") {
    Rig rig;
    rig.start(far_end(rig.dir, whole()));
    copy_until_passed(rig);
    rig.to.close();
    const auto ended = rig.wait_for<Ended>();
    CHECK(ended.cause == EndCause::xl_closed);
    CHECK(ended.phase == Phase::passed);
    CHECK(ended.ssh_status == 3);
    CHECK(rig.exit_status() == 3);
  }
}

TEST_CASE("an ssh that dies is a failed migration with its exit status and its last words") {
  SECTION("before the banner") {
    Rig rig;
    rig.start(R"(printf 'connect: No route to host\r\n' >&2; exit 255)");
    const auto ended = failed(rig, EndCause::ssh_ended, Phase::nothing_sent);
    CHECK(ended.ssh_status == 255);
    CHECK(ended.ssh_said == std::vector<std::string>{"connect: No route to host"});
    CHECK_THAT(rig.errors(), ContainsSubstring("connect: No route to host\r\n"));
  }
  SECTION("in the copy, xl still writing") {
    Rig rig;
    rig.start(
        "printf 'xl migration receiver ready, send binary domain data.\\n'; head -c 3000000 >/dev/null; exit 255");
    rig.begin(preamble());
    const std::string page = record(1, std::string(1U << 20U, 'p'));
    for (int i = 0; i < 20; ++i) rig.send(page);
    const auto ended = failed(rig, EndCause::ssh_ended, Phase::copying);
    CHECK(ended.ssh_status == 255);
    CHECK(ended.stream_bytes >= 3000000);
  }
  SECTION("by a signal while the last record is held") {
    Rig rig;
    rig.start("printf 'xl migration receiver ready, send binary domain data.\\n'; head -c " +
              std::to_string(stream.size()) + " >/dev/null; until [ -e " + (rig.dir / "held") +
              " ]; do sleep 0.02; done; kill -9 $$");
    copy(rig);
    std::ofstream(rig.dir / "held") << "it is";
    const auto ended = failed(rig, EndCause::ssh_ended, Phase::held);
    CHECK(ended.ssh_signal == SIGKILL);
    CHECK(ended.reason == "ssh was ended by signal 9");
  }
  SECTION("after GO: xl sees the end, the exit is ssh's") {
    Rig rig;
    rig.start("printf 'xl migration receiver ready, send binary domain data.\\n'; head -c " + std::to_string(whole()) +
              " >/dev/null; printf 'domain received, ready to unpause\\0'; head -c 44 >/dev/null; exit 255");
    copy_until_passed(rig);
    rig.send(go);
    rig.wait_for<Go>();
    CHECK(rig.last_answers().empty());
    const auto ended = rig.wait_for<Ended>();
    CHECK(ended.cause == EndCause::ssh_ended);
    CHECK(ended.phase == Phase::gone);
    CHECK(rig.exit_status() == 255);
  }
}

TEST_CASE("a target that dies after its ready is never passed on as ready") {
  Rig rig;
  rig.start("printf 'xl migration receiver ready, send binary domain data.\\n'; head -c " + std::to_string(whole()) +
            " >/dev/null; printf 'domain received, ready to unpause\\0'");
  copy(rig);
  rig.say(Release{});
  rig.wait_for<Ready>();
  const auto ended = rig.wait_for<Ended>();
  rig.say(Pass{});
  CHECK(ended.cause == EndCause::ssh_ended);
  CHECK(ended.phase == Phase::ready);
  CHECK(rig.last_answers().empty());
  CHECK(rig.exit_status() == 1);
}

TEST_CASE("a target that is ready before it had the last record is not believed") {
  Rig rig;
  rig.start(far_end(rig.dir, stream.size()));
  rig.begin(stream);
  failed(rig, EndCause::unknown_stream, Phase::copying);
}

TEST_CASE("an xl that sends more after the last record is not believed") {
  Rig rig;
  rig.start(far_end(rig.dir, whole()));
  rig.begin(stream + end_record + "more");
  const auto message = rig.next();
  REQUIRE(message);
  const auto ended = std::holds_alternative<Held>(*message) ? rig.wait_for<Ended>() : std::get<Ended>(*message);
  CHECK(ended.cause == EndCause::unknown_stream);
  rig.exit_status();
  CHECK(stream.starts_with(content(rig.dir / "stream")));
}

TEST_CASE("an unknown stream ends before a byte of it is sent") {
  const std::string odd = GENERATE(std::string(500, 'z'), save_header(0) + libxl_header(3) + std::string(100, 'z'),
                                   save_header(0) + libxl_header() + record(1, "") + libxc_header(9));
  Rig rig;
  rig.start(far_end(rig.dir, 10));
  rig.begin(odd);
  CHECK_FALSE(rig.wait_for<UnknownStream>().why.empty());
  const auto ended = failed(rig, EndCause::unknown_stream, Phase::nothing_sent);
  CHECK(ended.stream_bytes == 0);
  CHECK(content(rig.dir / "stream").empty());
}

TEST_CASE("an unknown stream is passed on unread when that is allowed, once the tool has promoted") {
  const std::string odd = save_header(0) + libxl_header(3) + std::string(300'000, 'z');
  Rig rig;
  rig.start("printf 'xl migration receiver ready, send binary domain data.\\n'; head -c " + std::to_string(odd.size()) +
                " >" + rig.dir.path() + "/stream; printf 'other words'; exec cat >" + rig.dir.path() + "/go",
            Milliseconds(20'000), true);
  rig.begin(odd.substr(0, 1000));
  rig.wait_for<UnknownStream>();
  CHECK_FALSE(rig.next(100ms));
  CHECK(content(rig.dir / "stream").empty());
  rig.say(Release{});
  rig.wait_for_phase(Phase::plain);
  rig.send(odd.substr(1000));
  CHECK(rig.answer(11) == "other words");
  rig.signal(SIGTERM); // the target has said what may have been its ready
  rig.send("the last word");
  rig.to.close();
  const auto ended = rig.wait_for<Ended>();
  CHECK(ended.phase == Phase::plain);
  CHECK(ended.cause == EndCause::finished);
  CHECK(rig.exit_status() == 0);
  CHECK(settles(rig.dir / "stream", odd));
  CHECK(settles(rig.dir / "go", "the last word"));
}

TEST_CASE("an unknown stream that is passed on unread can be ended until the target has spoken") {
  Rig rig;
  rig.start(far_end(rig.dir, 1U << 20U), Milliseconds(20'000), true);
  rig.begin(std::string(1000, 'z'));
  rig.wait_for<UnknownStream>();
  rig.say(Release{});
  rig.wait_for_phase(Phase::plain);
  rig.say(End{"enough"});
  failed(rig, EndCause::asked, Phase::plain);
}

TEST_CASE("another greeting of the far end is not given to xl, unless passing through is allowed") {
  SECTION("not allowed") {
    Rig rig;
    rig.start("echo 'Welcome to mirror!'; exec cat >/dev/null");
    CHECK_THAT(rig.wait_for<UnknownStream>().why, ContainsSubstring("Welcome to mirror!"));
    failed(rig, EndCause::unknown_stream, Phase::nothing_sent);
  }
  SECTION("allowed") {
    Rig rig;
    rig.start("printf 'Welcome to mirror!'; exec cat >" + rig.dir.path() + "/stream", Milliseconds(20'000), true);
    rig.wait_for<UnknownStream>();
    CHECK_FALSE(rig.has_answer());
    rig.say(Release{});
    CHECK(rig.answer(18) == "Welcome to mirror!");
    rig.send("anything");
    rig.to.close();
    CHECK(rig.wait_for<Ended>().phase == Phase::plain);
    CHECK(settles(rig.dir / "stream", "anything"));
  }
}

TEST_CASE("an unknown record in mid-stream ends the migration, and the target never has it") {
  Rig rig;
  rig.start(far_end(rig.dir, whole()));
  const std::string known = preamble() + record(1, std::string(100, 'p'));
  rig.begin(known + record(0x77, "surprise"));
  const auto ended = failed(rig, EndCause::unknown_stream, Phase::copying);
  CHECK_THAT(ended.reason, ContainsSubstring("0x77"));
  CHECK(known.starts_with(content(rig.dir / "stream")));
}

TEST_CASE("an xl that does not read what ssh says on stderr blocks nothing") {
  Rig rig;
  rig.start("i=0; while [ $i -lt 60 ]; do head -c 40000 /dev/zero | tr '\\0' 'e' >&2; echo >&2; i=$((i+1)); done; " +
            far_end(rig.dir, whole()));
  copy_until_passed(rig);
  rig.send(go);
  CHECK(rig.answer(good_report.size()) == good_report);
  rig.to.close();
  rig.wait_for<Go>();
  rig.wait_for<TargetResult>();
  CHECK(rig.wait_for<Ended>().ssh_said.size() == 20);
}

TEST_CASE("a stream much larger than any pipe arrives as it was sent") {
  const std::size_t records = 60, bytes = 1'048'585;
  std::string sent = preamble();
  for (std::size_t i = 0; i < records; ++i) sent += record(1, std::string(bytes, static_cast<char>('a' + i % 26)));
  sent += record(0, "");
  Rig rig;
  rig.start(far_end(rig.dir, sent.size() + end_record.size()));
  rig.begin(sent + end_record);
  rig.wait_for<Held>();
  CHECK(rig.progress.back().page_bytes == records * 1'048'592);
  CHECK(settles(rig.dir / "stream", sent));
}

TEST_CASE("xl's side may be sockets instead of pipes") {
  const std::string sent = body(3'000'000);
  Rig rig(Milliseconds(20'000), Rig::Side::sockets);
  rig.start(far_end(rig.dir, sent.size() + end_record.size()));
  rig.begin(sent + end_record);
  rig.wait_for<Held>();
  CHECK(settles(rig.dir / "stream", sent));
  rig.say(Release{});
  rig.wait_for<Ready>();
  rig.say(Pass{});
  CHECK(rig.answer(target_ready.size()) == target_ready);
  rig.send(go);
  CHECK(rig.answer(good_report.size()) == good_report);
  rig.to.close();
  CHECK(rig.exit_status() == 0);
}
