#include "peer_wish.hpp"

#include "tasuki/core/overloaded.hpp"

#include <optional>
#include <variant>

namespace tasuki::agent::peer {

void put(json::object& out, operator_wish const& wish) {
    std::visit(overloaded{
                   [&](ask_switchover const& it) {
                       out["wish"] = "switchover";
                       out["group"] = it.group.value();
                       out["to"] = it.to.value_or(node_id{}).value();
                       out["dry_run"] = it.dry_run;
                       out["reason"] = it.reason;
                   },
                   [&](ask_failover const& it) {
                       out["wish"] = "failover";
                       out["group"] = it.group.value();
                       out["to"] = it.to.value();
                       out["allow_loss"] = it.allow_loss;
                       out["dry_run"] = it.dry_run;
                       out["reason"] = it.reason;
                   },
                   [&](ask_pause const& it) {
                       out["wish"] = "pause";
                       out["group"] = it.group.value();
                       out["paused"] = it.paused;
                       out["until_ms"] = it.until_ms;
                       out["reason"] = it.reason;
                   },
                   [&](ask_standby const& it) {
                       out["wish"] = "standby";
                       out["group"] = it.group.value();
                       out["node"] = it.node.value();
                       out["standby"] = it.standby;
                       out["reason"] = it.reason;
                   },
                   [&](ask_bootstrap const& it) {
                       out["wish"] = "bootstrap";
                       out["group"] = it.group.value();
                   },
                   [&](ask_voters const& it) {
                       out["wish"] = "voters";
                       out["group"] = it.group.value();
                   },
               },
               wish);
}

result<operator_wish> wish_from(members& in) {
    auto const kind = in.text("wish");
    if (kind == "switchover") {
        auto const group = in.group("group");
        auto const to = in.node("to");
        std::optional<node_id> chosen;
        if (to.is_set())
            chosen = to;
        return operator_wish{ask_switchover{group, chosen, in.flag("dry_run"), in.text("reason")}};
    }
    if (kind == "failover")
        return operator_wish{ask_failover{in.group("group"), in.node("to"), in.flag("allow_loss"),
                                          in.flag("dry_run"), in.text("reason")}};
    if (kind == "pause")
        return operator_wish{ask_pause{in.group("group"), in.flag("paused"), in.number("until_ms"),
                                       in.text("reason")}};
    if (kind == "standby")
        return operator_wish{
            ask_standby{in.group("group"), in.node("node"), in.flag("standby"), in.text("reason")}};
    return malformed("unknown wish");
}

} // namespace tasuki::agent::peer
