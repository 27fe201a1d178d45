#include "tasuki/ctl/arguments.hpp"

#include "completion.hpp"
#include "grammar.hpp"

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

/// Options that take a value, so that the verb can be told from one.
constexpr std::array valued{"--socket",   "-o",       "--output", "--reason",
                            "--wait",     "--to",     "--for",    "--limit",
                            "--key-file", "--master", "--weight", "--deadline"};

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
    constexpr std::array pairs{
        std::pair{"vip", "announce"},   std::pair{"config", "check"}, std::pair{"key", "status"},
        std::pair{"key", "rotate"},     std::pair{"key", "load"},     std::pair{"lb", "list"},
        std::pair{"lb", "sessions"},    std::pair{"lb", "weight"},    std::pair{"lb", "drain"},
        std::pair{"lb", "maintenance"}, std::pair{"lb", "ready"},     std::pair{"lb", "add"},
        std::pair{"lb", "remove"}};
    for (auto const& [first, second] : pairs) {
        if (arguments.empty() || arguments.front() != first)
            continue;
        auto const found = std::find(arguments.begin() + 1, arguments.end(), second);
        if (found != arguments.end())
            std::rotate(arguments.begin() + 1, found, found + 1);
    }
    return arguments;
}

} // namespace

grammar::grammar() {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", version);
    app_.footer(exit_codes);
    add_views();
    add_operations();
    add_maintenance();
    add_voters();
    add_keys();
    add_balancer();
    add_setup();
}

CLI::App* grammar::add(std::string const& name, std::string const& help, std::function<verb()> make,
                       CLI::App* parent) {
    auto* sub = (parent == nullptr ? &app_ : parent)->add_subcommand(name, help);
    sub->add_option("--socket", out_.socket, "Another control socket than the usual one");
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
    if (std::holds_alternative<balancer_verb>(out_.wanted) && out_.socket == agent_socket)
        out_.socket = balancer_socket;
    out_.wait_ms = parse_duration(wait_).value_or(out_.wait_ms);
    return out_;
}

namespace {

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
