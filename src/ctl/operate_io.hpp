#pragma once
// The verbs that change something, from the plan to the end of the operation. Private to the room.
//
// The order is fixed: terminal or --yes, dry run, question, change, steps as they end, conclusion.
// Nothing is sent before the question is answered but the dry run.

#include "tasuki/ctl/client_io.hpp"
#include "tasuki/ctl/reading.hpp"
#include "tasuki/ctl/verbs_io.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>

namespace tasuki::ctl {

/// Who listens on the verb's socket.
[[nodiscard]] inline std::string service_of(command_line const& line) {
    return std::holds_alternative<balancer_verb>(line.wanted) ? "tasuki-lb" : "tasukid";
}

/// What all verbs share while one is performed.
struct session {
    command_line const& line;
    terminal& where;
    api_client client;
    /// A question is answered within a short time, or not at all.
    [[nodiscard]] api_client impatient() const {
        return api_client{line.socket, milliseconds{line.answer_ms}, service_of(line)};
    }
    [[nodiscard]] bool colours() const { return where.out_is_terminal && !line.no_color; }
};

/// A document, or the exit code after the error was printed.
struct fetched {
    std::optional<boost::json::value> document;
    std::string text;
    exit_code code = exit_code::done;
};

[[nodiscard]] fetched fetch(session&, std::string const& target);
/// What the agent said, its refusal printed; `changes` if it was asked to change something.
[[nodiscard]] fetched judge(session&, result<api_answer> const&, bool changes);
[[nodiscard]] fetched send(session&, std::string const& target, boost::json::object const& body);

/// What is sent and how it is asked for.
struct change {
    std::string target;
    boost::json::object body;
    std::string question; ///< empty: not asked
    std::string typed;    ///< the word that has to be typed instead of "y"; empty: "y"
    bool planned = false; ///< a dry run is shown first
    bool only_plan = false;
};
[[nodiscard]] exit_code carry_out(session&, change);

} // namespace tasuki::ctl
