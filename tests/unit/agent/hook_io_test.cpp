// Programs that are run, fail, hang and are not there.
#include "tasuki/agent/address_hooks_io.hpp"
#include "tasuki/agent/hook_events.hpp"
#include "tasuki/agent/notifier_io.hpp"

#include <catch2/catch.hpp>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

constexpr milliseconds patience{5000};

/// A folder with one program in it, which a shell carries out.
struct written {
    explicit written(std::string const& body) {
        std::array<char, 32> name{"/tmp/tasuki-hook-XXXXXX"};
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder = name.data();
        program = folder + "/program";
        std::ofstream{program} << "#!/bin/sh\n" << body << "\n";
        REQUIRE(::chmod(program.c_str(), 0755) == 0);
    }
    written(written const&) = delete;
    written& operator=(written const&) = delete;
    ~written() { std::filesystem::remove_all(folder); }
    [[nodiscard]] std::string read(std::string const& name) const {
        std::ostringstream text;
        text << std::ifstream{folder + "/" + name}.rdbuf();
        return text.str();
    }
    /// A cluster in which it moves the address of a group, and is told what happens.
    [[nodiscard]] configuration config() const {
        auto const parsed = parse_configuration("[cluster]\nname = \"shop\"\n"
                                                "[node]\na = { addresses = [\"10.77.0.1\"] }\n"
                                                "[notify]\nprogram = \"" +
                                                    program +
                                                    "\"\n[[group]]\nname = \"web\"\n"
                                                    "members = [\"a\"]\n[[group.vip]]\n"
                                                    "address = \"10.77.0.50\"\nmethod = \"hook\"\n"
                                                    "[group.hook]\nprogram = \"" +
                                                    program + "\"\ntimeout_ms = 5000\n",
                                                "f");
        REQUIRE(parsed.has_value());
        return *parsed;
    }

    std::string folder;
    std::string program;
};

bool run_until(boost::asio::io_context& io, std::function<bool()> const& met) {
    auto const end = std::chrono::steady_clock::now() + patience;
    while (!met() && std::chrono::steady_clock::now() < end) {
        io.restart();
        io.run_one_for(milliseconds{10});
    }
    return met();
}

hook_end end_of(hook_call const& call) {
    boost::asio::io_context io;
    hook_runner runner{io};
    std::optional<hook_end> out;
    runner.run(call, [&](hook_end const& how) { out = how; });
    CHECK_FALSE(out);
    REQUIRE(run_until(io, [&] { return out.has_value(); }));
    CHECK(runner.running() == 0);
    return *out;
}

hook_end end_of(written const& what, milliseconds limit = patience) {
    return end_of({what.program, {"acquire", "a b"}, {"PATH=/usr/bin:/bin", "ONE=1"}, limit});
}

} // namespace

TEST_CASE("hook: a program gets its arguments and its environment, and nothing else", "[agent]") {
    ::setenv("SECRET", "of the agent", 1);
    written const what{"here=$(dirname \"$0\")\nenv | sort > $here/environment\n"
                       "for each; do echo \"[$each]\"; done > $here/arguments\n"
                       "ls /proc/self/fd > $here/descriptors\ncat"};
    CHECK(succeeded(end_of(what)));
    CHECK(what.read("arguments") == "[acquire]\n[a b]\n");
    auto const environment = what.read("environment");
    CHECK(environment.find("ONE=1\n") != std::string::npos);
    CHECK(environment.find("SECRET") == std::string::npos);
    CHECK(what.read("descriptors") == "0\n1\n2\n3\n"); // the last is the listed folder
    ::unsetenv("SECRET");
}

TEST_CASE("hook: a program's exit code and first words are told", "[agent]") {
    auto const failed = end_of(written{"echo 'no such instance' >&2; echo more >&2; exit 3"});
    CHECK(failed.how == hook_end::kind::exited);
    CHECK(failed.number == 3);
    CHECK(failed.said == "no such instance");
    auto const killed = end_of(written{"kill -9 $$"});
    CHECK(killed.how == hook_end::kind::killed);
    CHECK(killed.number == 9);
    auto const talkative = end_of(written{"head -c 1000000 /dev/zero | tr '\\0' x >&2"});
    CHECK(succeeded(talkative));
    CHECK(talkative.said.size() == hook_words_max);
}

TEST_CASE("hook: a program that is not there, or is none, is told", "[agent]") {
    auto const absent = end_of({"/nowhere/program", {}, {}, patience});
    CHECK(absent.how == hook_end::kind::not_run);
    CHECK(absent.said.find("/nowhere/program") != std::string::npos);
    written const what{""};
    REQUIRE(::chmod(what.program.c_str(), 0644) == 0);
    CHECK(end_of(what).how == hook_end::kind::not_run);
}

namespace {

/// From now on this process gets no descriptor of another one, as if there were too many.
bool refuse_process_descriptors() {
    constexpr auto load = static_cast<std::uint16_t>(BPF_LD | BPF_W | BPF_ABS);
    constexpr auto equal = static_cast<std::uint16_t>(BPF_JMP | BPF_JEQ | BPF_K);
    constexpr auto give = static_cast<std::uint16_t>(BPF_RET | BPF_K);
    std::array<sock_filter, 4> code{{
        {load, 0, 0, offsetof(seccomp_data, nr)},
        {equal, 0, 1, SYS_pidfd_open},
        {give, 0, 0, SECCOMP_RET_ERRNO | EMFILE},
        {give, 0, 0, SECCOMP_RET_ALLOW},
    }};
    sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

} // namespace

TEST_CASE("hook: a program whose end nobody would see is ended, and that is told", "[agent]") {
    written const what{"sleep 1000"};
    pid_t const child = ::fork();
    if (child == 0) {
        if (!refuse_process_descriptors())
            ::_exit(2);
        boost::asio::io_context io;
        hook_runner runner{io};
        std::optional<hook_end> out;
        runner.run({what.program, {}, {"PATH=/usr/bin:/bin"}, patience},
                   [&](hook_end const& how) { out = how; });
        io.run_for(patience);
        bool const told = out && out->how == hook_end::kind::not_run &&
                          out->said.find("Too many open files") != std::string::npos;
        bool const alone = ::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD;
        ::_exit(told && alone && runner.running() == 0 ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("hook: a program that does not end is killed with all that it has started", "[agent]") {
    written const what{"echo waits >&2\nsleep 1000 & echo $! > $(dirname \"$0\")/child\nwait"};
    auto const overdue = end_of(what, milliseconds{300});
    CHECK(overdue.how == hook_end::kind::overdue);
    CHECK(overdue.said == "waits");
    CHECK(overdue.took < patience);
    auto const child = std::stoi(what.read("child"));
    boost::asio::io_context io;
    CHECK(run_until(io, [&] { // gone, or waits for its new parent
        std::ifstream stat{"/proc/" + std::to_string(child) + "/stat"};
        std::string line;
        std::getline(stat, line);
        return line.empty() || line.find(") Z ") != std::string::npos;
    }));
}

TEST_CASE("hook: a program that is not wanted any more is killed and told", "[agent]") {
    written const what{"echo begun > $(dirname \"$0\")/begun; sleep 1000"};
    boost::asio::io_context io;
    hook_runner runner{io};
    std::optional<hook_end> out;
    auto const number = runner.run({what.program, {}, {"PATH=/usr/bin:/bin"}, patience},
                                   [&](hook_end const& how) { out = how; });
    REQUIRE(run_until(io, [&] { return !what.read("begun").empty(); }));
    runner.withdraw(number);
    runner.withdraw(number);
    runner.withdraw(number + 1);
    REQUIRE(run_until(io, [&] { return out.has_value(); }));
    CHECK(out->how == hook_end::kind::withdrawn);
}

TEST_CASE("hook: what an earlier life has left is given up before anything else", "[agent]") {
    written const what{"here=$(dirname \"$0\")\necho $1 $TASUKI_EPOCH >> $here/record\n"
                       "[ $TASUKI_EPOCH = 7 ] && exit 4\nexit 0"};
    auto const config = what.config();
    auto const group = config.groups.front().id;
    boost::asio::io_context io;
    std::vector<std::string> fitness;
    std::vector<hook_report> reports;
    address_hooks hooks{
        io,
        config,
        "a",
        {},
        {[&](group_id, hook_report const& told) { reports.push_back(told); },
         [&](group_id, std::string const& trouble) { fitness.push_back(trouble); }}};
    CHECK(hooks.moves(group));
    CHECK_FALSE(hooks.moves(group_named("other")));
    hooks.start();
    REQUIRE(run_until(io, [&] { return !fitness.empty(); }));
    CHECK(fitness.front().empty());
    CHECK(hooks.is_swept(group));
    hooks.want(group, {hook_action::acquire, epoch{7}});
    REQUIRE(run_until(io, [&] { return reports.size() == 1; }));
    CHECK_FALSE(reports[0].done);
    CHECK(reports[0].text.find("exit code 4") != std::string::npos);
    hooks.want(group, {hook_action::release, epoch{8}});
    REQUIRE(run_until(io, [&] { return reports.size() == 2; }));
    hooks.want(group, {hook_action::release, epoch{8}}); // already done
    REQUIRE(run_until(io, [&] { return reports.size() == 3; }));
    CHECK(reports[2].done);
    CHECK(what.read("record") == "release 0\nacquire 7\nrelease 8\n");
}

namespace {

/// The programs that move addresses, with what they have reported.
struct moving {
    explicit moving(written const& what)
        : config(what.config())
        , group(config.groups.front().id)
        , hooks(io, config, "a", {},
                {[this](group_id, hook_report const& told) { reports.push_back(told); },
                 [](group_id, std::string const&) {}}) {
        hooks.start();
        REQUIRE(run_until(io, [&] { return hooks.is_swept(group); }));
    }
    configuration config;
    group_id group;
    boost::asio::io_context io;
    std::vector<hook_report> reports;
    address_hooks hooks;
};

} // namespace

TEST_CASE("hook: an answer that is on its way when something else is wanted is not told",
          "[agent]") {
    written const what{"exit 0"};
    moving it{what};
    it.hooks.want(it.group,
                  {hook_action::release, epoch{7}}); // is answered at once: nothing is held
    it.hooks.want(it.group, {hook_action::acquire, epoch{9}});
    REQUIRE(run_until(it.io, [&] { return !it.hooks.is_busy() && !it.reports.empty(); }));
    REQUIRE(it.reports.size() == 1);
    CHECK(it.reports[0].wish == hook_run{hook_action::acquire, epoch{9}});
}

TEST_CASE("hook: for status it is said whether a gate stands before what a program moves",
          "[agent]") {
    written const what{"exit 0"};
    moving const it{what};
    for (auto const rung : {vip::enforcement::ebpf, vip::enforcement::nftables})
        CHECK(it.hooks.caution(rung).find("gate: " + std::string{to_string(rung)}) !=
              std::string::npos);
    CHECK(it.hooks.caution(vip::enforcement::agent).find("no gate stands") != std::string::npos);
    CHECK(it.hooks.caution(vip::enforcement::agent).find("addresses of web,") != std::string::npos);
}

TEST_CASE("hook: as long as a program runs, nobody may take the agent's place", "[agent]") {
    written const what{"while [ ! -e $(dirname \"$0\")/go ] && [ $TASUKI_EPOCH != 0 ]; do "
                       "sleep 0.01; done"};
    moving it{what};
    CHECK_FALSE(it.hooks.is_busy());
    it.hooks.want(it.group, {hook_action::acquire, epoch{7}});
    CHECK(it.hooks.is_busy()); // from the moment on in which it is wanted
    it.io.poll();
    CHECK(it.hooks.is_busy());
    std::ofstream{what.folder + "/go"} << "\n";
    REQUIRE(run_until(it.io, [&] { return !it.reports.empty(); }));
    CHECK_FALSE(it.hooks.is_busy());
}

TEST_CASE("notify: events are told a few at a time, and what is too much is left out", "[agent]") {
    written const what{"here=$(dirname \"$0\")\necho $1 $TASUKI_TEXT >> $here/record\n"
                       "while [ ! -e $here/go ]; do sleep 0.01; done"};
    auto const config = what.config();
    boost::asio::io_context io;
    notifier tells{io, config, "a"};
    hook_event event;
    event.name = "active";
    event.group = "web";
    auto const most = notifier::at_once_max + notifier::waiting_max;
    for (std::size_t count = 0; count < most + 5; ++count) {
        event.text = std::to_string(count);
        tells.tell(event);
    }
    tells.tell(std::nullopt);
    CHECK(tells.left_out() == 5);
    bool finished = false;
    std::ofstream{what.folder + "/go"} << "\n";
    tells.finish([&] { finished = true; });
    CHECK(run_until(io, [&] { return finished; }));
    auto const record = what.read("record");
    CHECK(static_cast<std::size_t>(std::count(record.begin(), record.end(), '\n')) == most);
}

TEST_CASE("notify: who has become active, who left, and how a promotion ended is told", "[agent]") {
    node_settings names;
    names.self = node_named("a");
    names.names = {{node_named("a"), "a"}, {node_named("b"), "b"}};
    group_settings data{group_named("db"), "db", {}, {}, mysql_settings{}};
    names.groups = {data, {group_named("web"), "web", {}, {}, {}}};
    auto const turn = [&](std::string change) {
        auto const got = event_of(
            transition{group_named("web"), std::move(change), "handed_over", epoch{4}, {}}, names);
        return got ? got->name + " " + got->group + " " + got->result : std::string{};
    };
    CHECK(turn("recovering -> active") == "active web handed_over");
    CHECK(turn("active -> stepping_down") == "left web handed_over");
    CHECK(turn("standby -> canvassing").empty());
    CHECK(turn("stepping_down -> standby").empty());
    progress_note note;
    note.group = data.id;
    note.operation = operation_id{77};
    note.kind = "failover";
    note.to = node_named("b");
    CHECK_FALSE(event_of(note, names)); // it goes on
    note.result = "refused";
    note.text = "an acker is missing";
    auto const refused = event_of(note, names);
    REQUIRE(refused);
    CHECK(refused->name == "promotion-refused");
    CHECK(refused->operation == "77");
    CHECK(refused->text == "failover to b refused: an acker is missing");
    note.result = "done";
    CHECK(event_of(note, names)->name == "promotion-done");
    note.group = group_named("web"); // without data nothing is promoted
    CHECK_FALSE(event_of(note, names));
}

TEST_CASE("notify: a stranger who answers for an address is told, and when he stops", "[agent]") {
    node_settings names;
    names.groups = {{group_named("web"), "web", {}, {}, {}}};
    conflict_note what{group_named("web"), true, "10.77.0.50", "02:00:00:00:00:09"};
    auto const begun = event_of(what, names);
    REQUIRE(begun);
    CHECK(begun->name == "conflict");
    CHECK(begun->text == "10.77.0.50 is also claimed by 02:00:00:00:00:09");
    what.begun = false;
    auto const over = event_of(what, names);
    REQUIRE(over);
    CHECK(over->name == "conflict-over");
    CHECK(over->group == "web");
    CHECK(over->address == "10.77.0.50");
    CHECK(over->mac == "02:00:00:00:00:09");
    CHECK(over->text == "10.77.0.50 is no longer claimed by 02:00:00:00:00:09");
    what.group = group_named("other");
    CHECK_FALSE(event_of(what, names));
}
