#include "tasuki/ctl/arguments.hpp"

#include "completion.hpp"

#include "tasuki/ctl/layout.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <sstream>

namespace tasuki::ctl {

namespace {

constexpr auto version = "tasuki " TASUKI_VERSION;
constexpr auto exit_codes =
    "\nExit codes: 0 done, 1 failed, 2 usage, 3 refused and nothing changed, 4 aborted at the "
    "prompt,\n  5 timed out and still running, 6 agent or quorum unreachable, 7 configuration "
    "invalid, 8 needs --yes;\n  status: 0 healthy, 10 degraded, 11 down";

constexpr auto leaked_key =
    "\nNothing stops in a rotation: all nodes accept a new key, then all sign with it, then all "
    "drop"
    "\nthe old one. The new key is sent under the present one. If that has leaked, do not rotate:"
    "\nchange the key files by hand on every node, in three rounds with `tasuki key load` after"
    "\neach: add a line with a new id and key, mark it \"sign\", drop the old line.";

/// Options that take a value, so that the verb can be told from one.
constexpr std::array valued{"--socket", "-o",    "--output", "--reason",   "--wait",
                            "--to",     "--for", "--limit",  "--key-file", "--master"};

/// Moves what stands before the verb behind it: every option then belongs to the verb.
std::vector<std::string> verb_first(std::vector<std::string> arguments) {
    std::size_t at = 0;
    while (at < arguments.size() && arguments[at].size() > 1 && arguments[at].front() == '-') {
        bool const takes_value =
            std::find(valued.begin(), valued.end(), arguments[at]) != valued.end();
        at += takes_value ? 2 : 1;
    }
    if (at < arguments.size())
        std::rotate(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(at),
                    arguments.end());
    return arguments;
}

/// A verb of two words keeps them together, whatever stood in between.
std::vector<std::string> second_word_second(std::vector<std::string> arguments) {
    constexpr std::array pairs{std::pair{"vip", "announce"}, std::pair{"config", "check"},
                               std::pair{"key", "status"}, std::pair{"key", "rotate"},
                               std::pair{"key", "load"}};
    for (auto const& [first, second] : pairs) {
        if (arguments.empty() || arguments.front() != first)
            continue;
        auto const found = std::find(arguments.begin() + 1, arguments.end(), second);
        if (found != arguments.end())
            std::rotate(arguments.begin() + 1, found, found + 1);
    }
    return arguments;
}

std::string duration_error(std::string const& text) {
    return parse_duration(text) ? std::string{}
                                : "\"" + text + "\" is no duration (examples: 90s, 30m, 2h, 1d)";
}

class grammar {
  public:
    grammar();
    std::variant<command_line, early_end> parse(std::vector<std::string> arguments);
    [[nodiscard]] CLI::App const& app() const { return app_; }

  private:
    CLI::App* add(std::string const& name, std::string const& help, std::function<verb()> make,
                  CLI::App* parent = nullptr);
    void add_views();
    void add_operations();
    void add_maintenance();
    void add_voters();
    void add_keys();
    void add_setup();
    void option_group(CLI::App* to, bool required);
    CLI::Option* option_for(CLI::App* to);
    void option_reason(CLI::App* to, bool required);
    void option_confirm(CLI::App* to);
    [[nodiscard]] std::optional<std::int64_t> lasting() const;
    [[nodiscard]] std::map<std::string, std::string> masters() const;
    [[nodiscard]] std::optional<early_end>
    unknown_verb(std::vector<std::string> const& arguments) const;

    CLI::App app_{"tasuki: high availability for virtual IPs and MySQL, on the command line",
                  "tasuki"};
    command_line out_;
    bool watch_ = false;
    bool dry_run_ = false;
    bool allow_loss_ = false;
    bool force_ = false;
    bool json_ = false;
    std::string group_;
    std::string node_;
    std::string to_;
    std::string for_;
    std::string wait_ = "2m";
    std::string output_ = "table";
    std::string file_;
    std::string shell_;
    std::string kind_;
    std::optional<std::uint64_t> id_;
    std::uint64_t limit_ = 20;
    std::vector<std::string> masters_;
};

grammar::grammar() {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", version);
    app_.footer(exit_codes);
    add_views();
    add_operations();
    add_maintenance();
    add_voters();
    add_keys();
    add_setup();
}

CLI::App* grammar::add(std::string const& name, std::string const& help, std::function<verb()> make,
                       CLI::App* parent) {
    auto* sub = (parent == nullptr ? &app_ : parent)->add_subcommand(name, help);
    sub->add_option("--socket", out_.socket, "Control socket of the agent")->capture_default_str();
    sub->add_option("-o,--output", output_, "table or json")
        ->check(CLI::IsMember({"table", "json"}));
    sub->add_flag("--no-color", out_.no_color, "No colours, on a terminal either");
    sub->callback([this, make = std::move(make)] { out_.wanted = make(); });
    return sub;
}

void grammar::option_group(CLI::App* to, bool required) {
    to->add_option("GROUP", group_, required ? "The group" : "The group; all if none is named")
        ->required(required);
}
CLI::Option* grammar::option_for(CLI::App* to) {
    return to->add_option("--for", for_, "How long: 90s, 30m, 2h; else until it is ended")
        ->check(duration_error);
}
void grammar::option_reason(CLI::App* to, bool required) {
    to->add_option("--reason", out_.reason, "Why, for those who look at the status or history")
        ->required(required);
}
void grammar::option_confirm(CLI::App* to) {
    to->add_flag("-y,--yes", out_.yes, "Do not ask");
    to->add_option("--wait", wait_, "How long to follow the operation")
        ->check(duration_error)
        ->capture_default_str();
}

std::optional<std::int64_t> grammar::lasting() const {
    return for_.empty() ? std::nullopt : parse_duration(for_);
}

std::map<std::string, std::string> grammar::masters() const {
    std::map<std::string, std::string> out;
    for (auto const& pair : masters_) {
        auto const sign = pair.find('=');
        out[pair.substr(0, sign)] = pair.substr(sign + 1);
    }
    return out;
}

void grammar::add_views() {
    auto* status = add("status", "Healthy or not, who is active, who would take over",
                       [this] { return show_status{watch_}; });
    status->add_flag("-w,--watch", watch_, "Again every two seconds");
    add("topology", "The tree of each group, ready to be pasted", [] { return show_topology{}; });
    auto* why = add("why", "Would a failover succeed now, and if not, why not",
                    [this] { return show_why{group_}; });
    option_group(why, true);
    add("check", "Examines this cluster for what would spoil a failover",
        [] { return show_check{}; });
    auto* history = add("history", "What was done, or one operation with all its steps", [this] {
        return show_history{id_, limit_};
    });
    history->add_option("ID", id_, "The number of an operation");
    history->add_option("--limit", limit_, "How many, at most")
        ->check(CLI::Range(1, 1'000))
        ->capture_default_str();
    auto* names = add("names", "", [this] { return list_names{kind_}; });
    names->add_option("KIND", kind_)->required()->check(CLI::IsMember({"groups", "nodes"}));
    names->group("");
}

void grammar::add_operations() {
    auto* switchover = add("switchover", "Hands a group to another node, without loss", [this] {
        return do_switchover{group_, to_, dry_run_};
    });
    option_group(switchover, true);
    switchover->add_option("--to", to_, "The node; the agent chooses if none is named");
    switchover->add_flag("--dry-run", dry_run_, "Shows the plan and changes nothing");
    option_reason(switchover, false);
    option_confirm(switchover);
    auto* failover =
        add("failover", "Forces a group to a node when a switchover cannot be", [this] {
            return do_failover{group_, to_, allow_loss_, dry_run_};
        });
    option_group(failover, true);
    failover->add_option("--to", to_, "The node")->required();
    failover->add_flag("--allow-loss", allow_loss_, "Accepts that acknowledged commits are lost");
    failover->add_flag("--dry-run", dry_run_, "Shows the plan and changes nothing");
    option_reason(failover, false);
    option_confirm(failover);
}

void grammar::add_maintenance() {
    auto* standby =
        add("standby", "Takes a node out: it hands over and takes nothing over", [this] {
            return do_standby{node_, lasting()};
        });
    standby->add_option("NODE", node_, "The node")->required();
    // Understood, so that the agent can say that it does not do that yet; not offered.
    option_for(standby)->group("");
    option_reason(standby, true);
    option_confirm(standby);
    auto* activate =
        add("activate", "Ends a node's standby", [this] { return do_activate{node_}; });
    activate->add_option("NODE", node_, "The node")->required();
    auto* pause = add("pause", "No automatic failover", [this] {
        return do_pause{group_, lasting()};
    });
    option_group(pause, false);
    option_for(pause);
    option_reason(pause, true);
    auto* resume = add("resume", "Ends a pause", [this] { return do_resume{group_}; });
    option_group(resume, false);
    auto* vip = app_.add_subcommand("vip", "Virtual IPs")->require_subcommand(1);
    auto* announce = add(
        "announce", "Announces the addresses again (gratuitous ARP)",
        [this] { return do_announce{group_}; }, vip);
    option_group(announce, false);
}

void grammar::add_voters() {
    auto* voter = app_.add_subcommand("voter", "Who votes: one at a time, while all goes on")
                      ->require_subcommand(1);
    auto const verb = [&](char const* name, char const* text, auto make) {
        auto* sub = add(name, text, std::move(make), voter);
        option_reason(sub, false);
        option_confirm(sub);
        return sub;
    };
    auto* more = verb("add", "Lets a node of the configuration vote; takes about 11 s", [this] {
        return do_voters{node_, {}};
    });
    more->add_option("NODE", node_, "The node")->required();
    auto* less = verb("remove", "Lets a node vote no more; it stays a node", [this] {
        return do_voters{{}, node_};
    });
    less->add_option("NODE", node_, "The node")->required();
    auto* swap = verb("replace", "Both, in the safer order; takes about 22 s", [this] {
        return do_voters{to_, node_};
    });
    swap->add_option("OLD", node_, "The voter that goes, dead or alive")->required();
    swap->add_option("NEW", to_, "The node that votes in its place")->required();
    voter->footer("The configuration files name the first voters only: what is changed here is "
                  "kept by the voters.");
}

void grammar::add_keys() {
    auto* key = app_.add_subcommand("key", "The cluster's key, which all nodes share")
                    ->require_subcommand(1);
    auto* status = add(
        "status", "Which keys each node accepts, and which one signs", [] { return show_keys{}; },
        key);
    status->add_flag("--json", json_, "As --output json");
    auto* rotate = add(
        "rotate", "Replaces the key on every node; goes on with what is half done",
        [this] { return do_rotate_keys{dry_run_}; }, key);
    rotate->add_flag("--dry-run", dry_run_, "Shows the plan and changes nothing");
    option_confirm(rotate);
    auto* load = add(
        "load", "Reads this node's key file again, after you have changed it by hand",
        [this] { return do_load_keys{force_}; }, key);
    load->add_flag("--force", force_, "Also if some node would not be understood any more");
    key->footer(leaked_key);
    rotate->footer(leaked_key);
    load->footer(leaked_key);
}

void grammar::add_setup() {
    auto* config = app_.add_subcommand("config", "The configuration file")->require_subcommand(1);
    auto* check = add(
        "check", "Checks a file; works without an agent",
        [this] { return check_configuration{file_.empty() ? "/etc/tasuki/tasuki.toml" : file_}; },
        config);
    check->add_option("FILE", file_, "The file (/etc/tasuki/tasuki.toml)");
    add("reload",
        "Another configuration or a newly installed version; nothing that is served stops",
        [] { return do_reload{}; });
    auto* init = add("init", "Makes the cluster's key; works without an agent", [this] {
        return make_key{file_.empty() ? "/etc/tasuki/cluster.key" : file_};
    });
    init->add_option("--key-file", file_, "Where to put it (/etc/tasuki/cluster.key)");
    auto* bootstrap = add("bootstrap", "Writes the first records of a new cluster, once",
                          [this] { return do_bootstrap{masters()}; });
    bootstrap->add_option("--master", masters_, "GROUP=NODE: where the data is; may be repeated")
        ->check([](std::string const& pair) {
            auto const sign = pair.find('=');
            return sign == 0 || sign == std::string::npos || sign + 1 == pair.size()
                       ? "\"" + pair + "\" is not of the form GROUP=NODE"
                       : std::string{};
        })
        ->allow_extra_args(false);
    bootstrap->add_flag("-y,--yes", out_.yes, "Do not ask");
    auto* completion = add("completion", "Prints a completion: tasuki completion bash",
                           [] { return print_completion{}; });
    completion->add_option("SHELL", shell_, "bash")->required()->check(CLI::IsMember({"bash"}));
}

std::optional<early_end> grammar::unknown_verb(std::vector<std::string> const& arguments) const {
    auto const word = arguments.empty() ? std::string{} : arguments.front();
    std::string verbs;
    for (auto const* sub : app_.get_subcommands({})) {
        if (sub->get_name() == word)
            return std::nullopt;
        if (!sub->get_group().empty())
            verbs += (verbs.empty() ? "" : ", ") + sub->get_name();
    }
    if (word.starts_with('-'))
        return std::nullopt;
    auto const what = word.empty() ? "a verb is missing" : "\"" + word + "\" is no verb";
    return early_end{exit_code::usage,
                     wrap(fmt::format("tasuki: {}; there are: {}", what, verbs), 2) +
                         "  next: tasuki --help\n"};
}

std::variant<command_line, early_end> grammar::parse(std::vector<std::string> arguments) {
    arguments = second_word_second(verb_first(std::move(arguments)));
    if (auto refusal = unknown_verb(arguments))
        return std::move(*refusal);
    // CLI11 takes them from the back.
    std::reverse(arguments.begin(), arguments.end());
    try {
        app_.parse(arguments);
    } catch (CLI::ParseError const& error) {
        std::ostringstream text;
        bool const asked = error.get_exit_code() == 0;
        app_.exit(error, text, text);
        return early_end{asked ? exit_code::done : exit_code::usage, text.str()};
    }
    out_.output = output_ == "json" || json_ ? output_form::json : output_form::table;
    out_.wait_ms = parse_duration(wait_).value_or(out_.wait_ms);
    return out_;
}

/// The words that may follow a verb: its verbs of the second level, its options.
std::string words_of(CLI::App const& app) {
    std::string out;
    for (auto const* sub : app.get_subcommands({}))
        if (!sub->get_group().empty())
            out += sub->get_name() + " ";
    for (auto const* option : app.get_options()) {
        if (option->get_group().empty())
            continue;
        for (auto const& name : option->get_lnames())
            out += "--" + name + " ";
        for (auto const& name : option->get_snames())
            out += "-" + name + " ";
    }
    if (!out.empty())
        out.pop_back();
    return out;
}

} // namespace

std::variant<command_line, early_end> parse_arguments(std::vector<std::string> arguments) {
    return grammar{}.parse(std::move(arguments));
}

std::string bash_completion() {
    grammar const words;
    std::string out = completion_head;
    for (auto const* sub : words.app().get_subcommands({}))
        if (!sub->get_group().empty())
            out +=
                fmt::format("            {}) words=\"{}\" ;;\n", sub->get_name(), words_of(*sub));
    out += fmt::format("            *) words=\"{}\" ;;\n", words_of(words.app()));
    return out + completion_tail;
}

} // namespace tasuki::ctl
