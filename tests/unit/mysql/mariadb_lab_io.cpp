#include "mariadb_lab_io.hpp"

#include "tasuki/mysql/dialect.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

namespace tasuki::mysql::lab {
namespace {

namespace fs = std::filesystem;

std::string find_program(std::string const& name) {
    for (char const* folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"})
        if (::access((folder + name).c_str(), X_OK) == 0)
            return folder + name;
    return {};
}

struct redirected {
    std::string input = "/dev/null";
    std::string output = "/dev/null";
    int network = -1;
};

pid_t spawn(std::vector<std::string> const& words, redirected const& where) {
    std::vector<char*> arguments;
    for (std::string const& word : words)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t const parent = ::getpid();
    pid_t const child = ::fork();
    if (child != 0)
        return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent || (where.network >= 0 && ::setns(where.network, CLONE_NEWNET) != 0))
        ::_exit(126);
    ::dup2(::open(where.input.c_str(), O_RDONLY | O_CLOEXEC), 0);
    int const out = ::open(where.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

int run(std::vector<std::string> const& words, redirected const& where = {}) {
    int status = -1;
    ::waitpid(spawn(words, where), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void ip(int network, std::string const& line) {
    static std::string const program = find_program("ip").empty() ? "/sbin/ip" : find_program("ip");
    std::vector<std::string> words{program};
    std::string word;
    for (std::istringstream text(line); text >> word;)
        words.push_back(word);
    INFO("ip " << line);
    redirected where;
    where.network = network;
    REQUIRE(run(words, where) == 0);
}

std::vector<std::string> const small{"--innodb-data-file-path=ibdata1:4M:autoextend",
                                     "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M",
                                     "--skip-name-resolve", "--user=root"};

std::vector<std::string> boot_statements() {
    std::vector<std::string> out{"use mysql;", "FLUSH PRIVILEGES;", "SET sql_log_bin=0;"};
    for (unsigned number = 1; number <= 3; ++number) {
        out.push_back(fmt::format("CREATE USER repl_{}@'%' IDENTIFIED BY 'replpw';", number));
        out.push_back(fmt::format("GRANT REPLICATION SLAVE ON *.* TO repl_{}@'%';", number));
    }
    out.push_back("CREATE DATABASE app;");
    out.push_back("CREATE TABLE app.t (id BIGINT PRIMARY KEY, pad VARCHAR(100)) ENGINE=InnoDB;");
    out.push_back("CREATE USER app@'%' IDENTIFIED BY 'apppw';");
    out.push_back("GRANT ALL ON app.* TO app@'%';");
    out.push_back("CREATE USER tasuki@localhost IDENTIFIED BY 'tasukipw';");
    for (std::string const& grant : required_grants({"tasuki", "localhost"}))
        out.push_back(grant + ";");
    out.push_back("CREATE USER poor@localhost IDENTIFIED BY 'poorpw';");
    return out;
}

struct temporary_folder {
    fs::path path;
    temporary_folder() {
        std::string name = "/dev/shm/tasuki-test-XXXXXX";
        if (::mkdtemp(name.data()) != nullptr)
            path = name;
    }
    ~temporary_folder() { fs::remove_all(path); }
};

/// A data folder with accounts, made once in a run of the program.
fs::path const& pattern() {
    static temporary_folder const root;
    static fs::path const made = [] {
        auto const data = root.path / "data";
        auto const log = (root.path / "log").string();
        std::vector<std::string> install{
            find_program("mariadb-install-db"), "--no-defaults", "--datadir=" + data.string(),
            "--auth-root-authentication-method=normal", "--skip-test-db"};
        install.insert(install.end(), small.begin(), small.end());
        REQUIRE(run(install, {.output = log}) == 0);
        auto const script = root.path / "boot.sql";
        {
            std::ofstream file(script);
            for (std::string const& line : boot_statements())
                file << line << '\n';
        }
        std::vector<std::string> boot{find_program("mariadbd"), "--no-defaults", "--bootstrap",
                                      "--skip-log-bin", "--datadir=" + data.string()};
        boot.insert(boot.end(), small.begin(), small.end());
        REQUIRE(run(boot, {.input = script, .output = log}) == 0);
        return data;
    }();
    return made;
}

} // namespace

std::string why_not() {
    for (char const* program : {"mariadbd", "mariadb-install-db", "ip"})
        if (find_program(program).empty())
            return fmt::format("{} is not installed", program);
    if (!new_network())
        return "no network namespace can be made here (CAP_SYS_ADMIN is missing)";
    return {};
}

double ms_since(clock::time_point begun) {
    return std::chrono::duration<double, std::milli>(clock::now() - begun).count();
}

unique_fd new_network() {
    unique_fd out;
    std::thread([&] {
        if (::unshare(CLONE_NEWNET) == 0)
            out.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }).join();
    return out;
}

void inside(int network, std::function<void()> const& work) {
    bool entered = false;
    std::thread([&] {
        entered = ::setns(network, CLONE_NEWNET) == 0;
        if (entered)
            work();
    }).join();
    REQUIRE(entered);
}

database::database(fs::path folder, unsigned number, int network)
    : folder_(std::move(folder))
    , number_(number)
    , network_(network) {
    fs::create_directories(folder_);
    fs::copy(pattern(), folder_ / "data", fs::copy_options::recursive);
}

database::~database() {
    if (process_ > 0)
        kill();
}

void database::start(std::vector<std::string> const& more) {
    std::vector<std::string> words{find_program("mariadbd"), "--no-defaults"};
    words.insert(words.end(), small.begin(), small.end());
    auto const own = std::vector<std::string>{"--datadir=" + (folder_ / "data").string(),
                                              "--socket=" + socket(),
                                              "--pid-file=" + (folder_ / "pid").string(),
                                              fmt::format("--server-id={}", number_),
                                              "--port=3306",
                                              "--bind-address=0.0.0.0",
                                              "--log-bin=binlog",
                                              "--log-slave-updates",
                                              "--relay-log=relay",
                                              "--gtid-strict-mode=ON",
                                              "--binlog-format=ROW",
                                              "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
                                              "--sync-binlog=1",
                                              "--sync-relay-log=1",
                                              "--innodb-flush-log-at-trx-commit=3",
                                              "--read-only=ON",
                                              "--skip-slave-start",
                                              "--max-connections=40",
                                              "--performance-schema=OFF"};
    words.insert(words.end(), own.begin(), own.end());
    words.insert(words.end(), more.begin(), more.end());
    redirected where;
    where.output = folder_ / "log";
    where.network = network_;
    process_ = spawn(words, where);
}

void database::await_up() const {
    auto const begun = clock::now();
    while (ms_since(begun) < 20'000) {
        connect_options options;
        options.socket_path = socket();
        options.user = "root";
        if (connection::open(options))
            return;
        std::this_thread::sleep_for(milliseconds{10});
    }
    std::ifstream log(folder_ / "log");
    FAIL("mariadbd did not start: " << std::string(std::istreambuf_iterator<char>(log), {}));
}

void database::signal(int number) const {
    ::kill(process_, number);
}

void database::kill() {
    signal(SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
}

endpoint database::address() const {
    return *endpoint::parse(fmt::format("10.91.0.{}:3306", number_));
}

std::string database::account() const {
    return fmt::format("repl_{}", number_);
}

connection database::login(std::string const& user, std::string const& password) const {
    connect_options options;
    options.socket_path = socket();
    options.user = user;
    options.password = password;
    auto opened = connection::open(options);
    if (!opened)
        throw std::runtime_error(opened.error().text);
    return std::move(*opened);
}

std::string database::sql(std::string const& text) const {
    auto session = login("root", "");
    auto const rows = session.query(text, milliseconds{10'000});
    INFO(text);
    if (!rows)
        FAIL(rows.error().number << " " << rows.error().text);
    return rows->rows.empty() ? std::string{} : rows->rows[0][0].value_or("");
}

cluster::cluster(unsigned servers)
    : bridge_(new_network()) {
    std::string name = "/dev/shm/tasuki-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    ip(bridge_.get(), "link set lo up");
    ip(bridge_.get(), "link add br0 type bridge");
    ip(bridge_.get(), "link set br0 up");
    for (unsigned number = 1; number <= servers; ++number) {
        networks_.push_back(new_network());
        int const network = networks_.back().get();
        ip(network, "link set lo up");
        ip(network, fmt::format("link add eth0 type veth peer name port{} netns /proc/{}/fd/{}",
                                number, ::getpid(), bridge_.get()));
        ip(network, fmt::format("addr add 10.91.0.{}/24 dev eth0", number));
        ip(network, "link set eth0 up");
        ip(bridge_.get(), fmt::format("link set port{} master br0 up", number));
        databases_.push_back(
            std::make_unique<database>(folder_ / fmt::format("db{}", number), number, network));
        databases_.back()->start();
    }
    for (auto const& one : databases_)
        one->await_up();
    for (unsigned index = 0; index < servers; ++index) {
        agents_.emplace_back();
        new_agent(index);
    }
}

cluster::~cluster() {
    agents_.clear();
    databases_.clear();
    fs::remove_all(folder_);
}

void cluster::new_agent(std::size_t index) {
    agents_[index].reset();
    agents_[index] = std::make_unique<agent>(*databases_[index]);
}

void cluster::replicate() {
    std::vector<std::string> accounts;
    for (std::size_t index = 1; index < databases_.size(); ++index)
        accounts.push_back(databases_[index]->account());
    at(0).must(settle{});
    at(0).must(arm{true, accounts});
    auto const ackers = static_cast<std::uint32_t>(accounts.size());
    for (std::size_t index = 1; index < databases_.size(); ++index) {
        follow what;
        what.master = databases_[0]->address();
        what.account = databases_[index]->account();
        what.as_acker = true;
        at(index).must(what);
    }
    at(0).must(await_ackers{ackers});
    at(0).must(open_writes{});
    at(0).must(probe_commit{});
}

std::set<std::uint64_t> rows_of(database const& server) {
    auto session = server.login("root", "");
    auto const rows = session.query("SELECT id FROM app.t", milliseconds{10'000});
    REQUIRE(rows.has_value());
    std::set<std::uint64_t> out;
    for (row const& line : rows->rows)
        out.insert(std::stoull(line[0].value_or("0")));
    return out;
}

} // namespace tasuki::mysql::lab
