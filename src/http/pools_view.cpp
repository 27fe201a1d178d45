#include "tasuki/http/pools_view.hpp"

#include "json_pieces.hpp"

namespace tasuki::http {

namespace json = boost::json;

namespace {

json::value json_of(elsewhere_view const& it) {
    return json::object{{"node", it.node},
                        {"admin", it.administration},
                        {"sessions", it.sessions},
                        {"age_ms", json_or_null(it.age)}};
}

json::value json_of(backend_view const& it) {
    return json::object{{"name", it.name},
                        {"address", it.address},
                        {"admin", it.administration},
                        {"health", it.health},
                        {"weight", json::object{{"configured", it.configured_weight},
                                                {"effective", it.effective_weight}}},
                        {"backup", it.is_backup},
                        {"sessions", it.sessions},
                        {"connections", it.connections},
                        {"failed_connects", it.failed_connects},
                        {"drained", it.drained},
                        {"moved", it.moved},
                        {"cut", it.cut},
                        {"drain_left_ms", json_or_null(it.drain_left)},
                        {"reason", it.reason},
                        {"elsewhere", json_list(it.elsewhere, [](elsewhere_view const& one) {
                             return json_of(one);
                         })}};
}

json::value json_of(session_view const& it) {
    return json::object{{"client", it.client},
                        {"backend", it.backend},
                        {"state", it.state},
                        {"age_ms", json_or_null(it.age)}};
}

} // namespace

json::value json_of(pool_view const& it) {
    return json::object{
        {"name", it.name},
        {"node", it.node},
        {"protocol", it.protocol},
        {"listen", json_list(it.listen, [](std::string const& one) { return json::value(one); })},
        {"sessions", it.sessions},
        {"queued", it.queued},
        {"accepted", it.accepted},
        {"refused", it.refused},
        {"trouble", it.trouble},
        {"untold", it.untold},
        {"backends", json_list(it.backends, [](backend_view const& one) { return json_of(one); })}};
}

std::string pools_json(answerer const& who, std::vector<pool_view> const& pools) {
    auto document = opening(who);
    document["pools"] = json_list(pools, [](pool_view const& one) { return json_of(one); });
    return served(document);
}

std::string sessions_json(answerer const& who, sessions_view const& all) {
    auto document = opening(who);
    document["pool"] = all.pool;
    document["total"] = all.total;
    document["sessions"] =
        json_list(all.sessions, [](session_view const& one) { return json_of(one); });
    return served(document);
}

} // namespace tasuki::http
