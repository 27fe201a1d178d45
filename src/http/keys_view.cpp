#include "tasuki/http/keys_view.hpp"

#include "json_pieces.hpp"

namespace tasuki::http {

namespace json = boost::json;

namespace {

json::value json_of(key_view const& key) {
    return json::object{{"id", key.id}, {"fingerprint", key.fingerprint}, {"signs", key.signs}};
}

json::value json_of(heard_key_view const& heard) {
    return json::object{
        {"from", heard.from}, {"key", heard.key}, {"age_ms", json_or_null(heard.since)}};
}

json::value json_of(node_keys_view const& node) {
    return json::object{
        {"name", node.name},
        {"reachable", node.reachable},
        {"age_ms", json_or_null(node.since)},
        {"trouble", node.trouble},
        {"keys", json_list(node.keys, [](key_view const& one) { return json_of(one); })},
        {"file_trouble", node.file_trouble},
        {"heard", json_list(node.heard, [](heard_key_view const& one) { return json_of(one); })}};
}

} // namespace

std::string keys_json(answerer const& who, keys_view const& keys) {
    auto document = opening(who);
    document["rotation"] = json::object{
        {"state", keys.state}, {"text", keys.text}, {"next_command", keys.next_command}};
    document["nodes"] =
        json_list(keys.nodes, [](node_keys_view const& one) { return json_of(one); });
    return json::serialize(document);
}

} // namespace tasuki::http
