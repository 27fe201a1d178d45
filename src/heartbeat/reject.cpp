#include "tasuki/heartbeat/reject.hpp"

#include <stdexcept>
#include <string>

namespace tasuki::heartbeat {

namespace {

struct wording {
    std::string_view name;
    std::string_view sentence;
};

wording words_for(reject reason) {
    switch (reason) {
    case reject::too_many:
        return {"too_many", "more datagrams than heartbeats need: another program uses this port, "
                            "or somebody floods it"};
    case reject::too_short:
        return {"too_short", "datagrams too short for a heartbeat: another program uses this port"};
    case reject::too_long:
        return {"too_long", "datagrams too long for a heartbeat: another program uses this port"};
    case reject::bad_magic:
        return {"bad_magic", "datagrams that are no heartbeats: another program uses this port"};
    case reject::unknown_version:
        return {"unknown_version", "heartbeats of another wire version: upgrade the older nodes"};
    case reject::unknown_type:
        return {"unknown_type", "heartbeats of an unknown type: upgrade the older nodes"};
    case reject::bad_length:
        return {"bad_length", "truncated or padded heartbeats: look for a middlebox on the path"};
    case reject::other_cluster:
        return {"other_cluster", "heartbeats of another cluster: give it another port or network, "
                                 "or make cluster.name the same on all nodes"};
    case reject::reflected:
        return {"reflected", "our own heartbeats come back: look for a loop in the network, or a "
                             "second node of our name"};
    case reject::unknown_sender:
        return {"unknown_sender", "heartbeats of a node that is not configured here: copy the "
                                  "configuration file to all nodes and reload"};
    case reject::not_for_us:
        return {"not_for_us", "heartbeats for another node: compare the node addresses in the "
                              "configuration files"};
    case reject::unknown_key:
        return {"unknown_key", "heartbeats signed with a key id that is not in our key file: copy "
                               "the key file to all nodes"};
    case reject::bad_mac:
        return {"bad_mac", "heartbeats with a wrong signature: the key files differ, or somebody "
                           "forges them"};
    case reject::bad_body:
        return {"bad_body", "signed heartbeats that break the format: please report this"};
    case reject::wrong_path:
        return {"wrong_path", "heartbeats on another path than they were sent for: list the "
                              "addresses of each node in the same order of networks"};
    case reject::unproven:
        return {"unproven", "heartbeats of a session that has not been proven: the peer has just "
                            "started, or does not receive us"};
    case reject::stale_session:
        return {"stale_session",
                "heartbeats of a session that is over: one of us has just started, "
                "or old ones are being replayed"};
    case reject::replayed:
        return {"replayed", "heartbeats that were received before or out of order: the network "
                            "duplicates or reorders, or somebody replays them"};
    case reject::other_voters:
        return {"other_voters", "heartbeats of a node whose file names other voters: nothing it "
                                "says about a lease counts; make the file the same on all nodes"};
    case reject::older_voters:
        return {"older_voters", "heartbeats of a node that has not learnt of a change of voters: "
                                "it is told, and counts again in a moment"};
    }
    return {"unknown", "unknown reason"};
}

} // namespace

std::string_view to_string(reject reason) {
    return words_for(reason).name;
}

std::string_view explain(reject reason) {
    return words_for(reason).sentence;
}

void throw_exception_from_error(reject reason, boost::source_location const&) {
    throw std::runtime_error("datagram refused: " + std::string{to_string(reason)});
}

} // namespace tasuki::heartbeat
