// The verbs that are not asked for every day: maintenance, voters, keys, the load balancer, setting
// a cluster up.
#include "grammar.hpp"
#include "tasuki/ctl/layout.hpp"

namespace tasuki::ctl {

namespace {

constexpr auto leaked_key =
    "\nNothing stops in a rotation: all nodes accept a new key, then all sign with it, then all "
    "drop"
    "\nthe old one. The new key is sent under the present one. If that has leaked, do not rotate:"
    "\nchange the key files by hand on every node, in three rounds with `tasuki key load` after"
    "\neach: add a line with a new id and key, mark it \"sign\", drop the old line.";

} // namespace

std::string duration_error(std::string const& text) {
    return parse_duration(text) ? std::string{}
                                : "\"" + text + "\" is no duration (examples: 90s, 30m, 2h, 1d)";
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
    auto const new_verb = [&](char const* name, char const* text, auto make) {
        auto* sub = add(name, text, std::move(make), voter);
        option_reason(sub, false);
        option_confirm(sub);
        return sub;
    };
    auto* more = new_verb("add", "Lets a node of the configuration vote; takes about 11 s", [this] {
        return do_voters{node_, {}};
    });
    more->add_option("NODE", node_, "The node")->required();
    auto* less = new_verb("remove", "Lets a node vote no more; it stays a node", [this] {
        return do_voters{{}, node_};
    });
    less->add_option("NODE", node_, "The node")->required();
    auto* swap = new_verb("replace", "Both, in the safer order; takes about 22 s", [this] {
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

void grammar::add_balancer() {
    auto* lb = app_.add_subcommand("lb", "The load balancer of this node")->require_subcommand(1);
    auto* list = add(
        "list", "Pools, their backends, who gets how much, and why not more",
        [this] { return balancer_verb{show_pools{pool_}}; }, lb);
    list->add_option("POOL", pool_, "The pool; all if none is named");
    auto* sessions = add(
        "sessions", "Who is connected, and what each session does",
        [this] {
            return balancer_verb{show_sessions{pool_, backend_}};
        },
        lb);
    sessions->add_option("POOL", pool_, "The pool")->required();
    sessions->add_option("BACKEND", backend_, "The backend; all if none is named");
    add_backend_verbs(lb);
    lb->footer("What is changed here lasts: a reload and a restart keep it.");
}

void grammar::add_backend_verbs(CLI::App* lb) {
    auto const new_verb = [&](char const* name, char const* text,
                              std::function<balancer_verb()> make) {
        auto* sub = add(name, text, std::move(make), lb);
        sub->add_option("POOL", pool_, "The pool")->required();
        sub->add_option("BACKEND", backend_, "The backend")->required();
        return sub;
    };
    auto const leave = [&](char const* name, char const* text) {
        auto* sub = new_verb(name, text, [this, name] {
            return do_backend{pool_,  backend_, name, {}, parse_duration(deadline_),
                              waits_, dry_run_};
        });
        sub->add_option("--deadline", deadline_,
                        "When what has not ended is cut: 90s, 30m; else as the pool has it")
            ->check(duration_error);
        sub->add_flag("--wait", waits_, "Until no session is left, showing who is");
        sub->add_flag("--dry-run", dry_run_, "Shows who is connected, and changes nothing");
    };
    leave("drain", "No new connections; sessions go as soon as nothing is lost by it");
    leave("maintenance", "As drain, and it is not checked meanwhile");
    new_verb("ready", "Into service again",
             [this] { return do_backend{pool_, backend_, "ready", {}, {}, false, false}; });
    auto const weight = [&](CLI::Option* option) {
        option->check(CLI::Range(0U, 256U));
        return option;
    };
    auto* change = new_verb("weight", "Its share of new connections", [this] {
        return do_backend{pool_, backend_, {}, weight_, {}, false, false};
    });
    weight(change->add_option("WEIGHT", weight_, "0 to 256; 0: no new connections"))->required();
    auto* more = new_verb("add", "Another backend, until it is removed", [this] {
        return do_add_backend{pool_, backend_, address_, weight_};
    });
    more->add_option("ADDRESS", address_, "ADDRESS:PORT")->required();
    weight(more->add_option("--weight", weight_, "Its weight (100)"));
    new_verb("remove", "A backend that was added by command; its sessions are drained", [this] {
        return do_remove_backend{pool_, backend_};
    });
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

} // namespace tasuki::ctl
