#include "tasuki/http/api.hpp"

#include "body.hpp"
#include "json_pieces.hpp"
#include "target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace tasuki::http {

namespace {

constexpr std::size_t history_limit_max = 1'000;
constexpr std::int64_t weight_max = 256;
constexpr std::int64_t deadline_ms_max = 24LL * 3600 * 1000;

api_error bad_request(std::string reason) {
    return {400, "bad_request", std::move(reason), "tasuki --help"};
}

api_error not_found(std::string_view method, std::string_view path) {
    return {404, "not_found", fmt::format("nothing answers {} {}", method, path.substr(0, 100)),
            "tasuki --help, or GET /api/v1/status"};
}

template<class Integer>
std::optional<Integer> parse_integer(std::string_view text) {
    Integer value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

/// The query may hold these keys and no other, so that a misspelt one does not pass unseen.
std::optional<api_error> unknown_key(target const& asked,
                                     std::initializer_list<std::string_view> known) {
    for (auto const& [key, value] : asked.query)
        if (std::find(known.begin(), known.end(), key) == known.end())
            return bad_request(fmt::format("unknown key \"{}\" in the query", key.substr(0, 40)));
    return std::nullopt;
}

routed route_check(check_kind kind, target const& asked) {
    if (auto const mistake = unknown_key(asked, {"group", "lag"}))
        return *mistake;
    check_query query{kind, {}, {}};
    if (auto const group = asked.query.find("group"); group != asked.query.end()) {
        if (!is_name(group->second))
            return bad_request("?group= has to be the name of a group");
        query.group = group->second;
    }
    if (auto const lag = asked.query.find("lag"); lag != asked.query.end()) {
        query.lag_max = parse_lag(lag->second);
        if (!query.lag_max || kind != check_kind::replica)
            return bad_request("?lag= belongs to /replica and has a unit: 500ms, 10s or 2m");
    }
    return api_request{query};
}

routed route_history(target const& asked) {
    if (auto const mistake = unknown_key(asked, {"limit"}))
        return *mistake;
    get_history out;
    if (auto const found = asked.query.find("limit"); found != asked.query.end()) {
        auto const limit = parse_integer<std::size_t>(found->second);
        if (!limit || *limit == 0 || *limit > history_limit_max)
            return bad_request(fmt::format("?limit= has to be 1 to {}", history_limit_max));
        out.limit = *limit;
    }
    return api_request{out};
}

routed route_events(target const& asked) {
    if (auto const mistake = unknown_key(asked, {"operation", "only"}))
        return *mistake;
    get_events out;
    if (auto const found = asked.query.find("only"); found != asked.query.end()) {
        out.of_standings = found->second == standings_event;
        if (!out.of_standings || asked.query.contains("operation"))
            return bad_request("?only= has to be standings, and stands alone");
    }
    if (auto const found = asked.query.find("operation"); found != asked.query.end()) {
        out.operation = parse_integer<std::uint64_t>(found->second);
        if (!out.operation)
            return bad_request("?operation= has to be the number of an operation");
    }
    return api_request{out};
}

routed route_operation(std::string_view id, bool events) {
    auto const number = parse_integer<std::uint64_t>(id);
    if (!number)
        return bad_request("an operation is named by its number: /api/v1/operations/42");
    if (events)
        return api_request{get_events{number, false}};
    return api_request{get_operation{*number}};
}

routed route_sessions(std::string const& pool, target const& asked) {
    if (auto const mistake = unknown_key(asked, {"backend"}))
        return *mistake;
    get_sessions out{pool, {}};
    if (auto const found = asked.query.find("backend"); found != asked.query.end()) {
        if (!is_name(found->second))
            return bad_request("?backend= has to be the name of a backend");
        out.backend = found->second;
    }
    return api_request{out};
}

/// GET of what follows "/api/v1".
routed route_get(target const& asked, std::string_view whole) {
    auto const& path = asked.path;
    auto const is = [&](std::size_t size, std::string_view first, std::string_view last) {
        return path.size() == size && path[2] == first && path.back() == last;
    };
    if (is(3, "history", "history"))
        return route_history(asked);
    if (is(3, "events", "events"))
        return route_events(asked);
    if (is(5, "pools", "sessions") && is_name(path[3]))
        return route_sessions(path[3], asked);
    if (auto const mistake = unknown_key(asked, {}))
        return *mistake;
    if (is(3, "pools", "pools"))
        return api_request{get_pools{}};
    if (is(3, "status", "status"))
        return api_request{get_status{}};
    if (is(3, "keys", "keys"))
        return api_request{get_keys{}};
    if (is(3, "check", "check"))
        return api_request{get_check{}};
    if (path.size() == 4 && path[2] == "operations")
        return route_operation(path[3], false);
    if (is(5, "operations", "events"))
        return route_operation(path[3], true);
    if (is(5, "groups", "why") && is_name(path[3]))
        return api_request{get_why{path[3]}};
    return not_found("GET", whole);
}

routed route_group_change(std::string const& group, std::string_view verb, body_reader& body,
                          std::string_view whole) {
    if (verb == "switchover")
        return body.finish(
            post_switchover{group, body.name("to"), body.flag("dry_run"), body.reason()});
    if (verb == "failover")
        return body.finish(post_failover{group, body.required_name("to"), body.flag("allow_loss"),
                                         body.flag("dry_run"), body.reason()});
    if (verb == "pause")
        return body.finish(post_pause{group, body.lasting(), body.required_reason()});
    if (verb == "resume")
        return body.finish(post_resume{group});
    return not_found("POST", whole);
}

routed route_node_change(std::string const& node, std::string_view verb, body_reader& body,
                         std::string_view whole) {
    if (verb == "standby")
        return body.finish(post_standby{node, body.lasting(), body.required_reason()});
    if (verb == "activate")
        return body.finish(post_activate{node});
    return not_found("POST", whole);
}

std::optional<unsigned> weight_in(body_reader& body) {
    auto const weight = body.number("weight", 0, weight_max);
    return weight ? std::optional{static_cast<unsigned>(*weight)} : std::nullopt;
}

/// POST of /api/v1/pools/POOL/backends, .../BACKEND, .../BACKEND/remove.
routed route_pool_change(std::vector<std::string> const& path, body_reader& body,
                         std::string_view whole) {
    auto const& pool = path[3];
    if (path.size() == 5)
        return body.finish(post_backend_add{pool, body.required_name("name"),
                                            body.required_endpoint("address"), weight_in(body)});
    if (path.size() == 7 && path[6] == "remove")
        return body.finish(post_backend_remove{pool, path[5]});
    if (path.size() != 6)
        return not_found("POST", whole);
    post_backend out{pool, path[5], body.name("admin"), weight_in(body), {}, body.flag("dry_run")};
    if (auto const deadline = body.number("deadline_ms", 0, deadline_ms_max))
        out.deadline = milliseconds{*deadline};
    return body.finish(out);
}

routed route_report(std::string_view text) {
    auto report = parse_pools_report(text);
    if (!report)
        return bad_request(report.error().text);
    return api_request{post_pools{std::move(*report)}};
}

/// POST of what follows "/api/v1".
routed route_post(target const& asked, std::string_view whole, std::string_view text) {
    auto const& path = asked.path;
    if (auto const mistake = unknown_key(asked, {}))
        return *mistake;
    body_reader body{text};
    if (path.size() == 5 && path[2] == "groups" && is_name(path[3]))
        return route_group_change(path[3], path[4], body, whole);
    if (path.size() == 5 && path[2] == "nodes" && is_name(path[3]))
        return route_node_change(path[3], path[4], body, whole);
    if (path.size() >= 5 && path[2] == "pools" && path[4] == "backends" && is_name(path[3]) &&
        (path.size() == 5 || is_name(path[5])))
        return route_pool_change(path, body, whole);
    if (path.size() == 4 && path[2] == "vip" && path[3] == "announce")
        return body.finish(post_vip_announce{body.name("group")});
    if (path.size() == 4 && path[2] == "keys" && path[3] == "rotate")
        return body.finish(post_key_rotate{body.flag("dry_run")});
    if (path.size() == 4 && path[2] == "keys" && path[3] == "load")
        return body.finish(post_key_load{body.flag("force")});
    if (path.size() != 3)
        return not_found("POST", whole);
    if (path[2] == "pools")
        return route_report(text);
    if (path[2] == "pause")
        return body.finish(post_pause{{}, body.lasting(), body.required_reason()});
    if (path[2] == "resume")
        return body.finish(post_resume{});
    if (path[2] == "reload")
        return body.finish(post_reload{});
    if (path[2] == "voters")
        return body.finish(post_voters{body.name("add"), body.name("remove"), body.reason()});
    if (path[2] == "bootstrap")
        return body.finish(post_bootstrap{body.names_by_name("masters")});
    return not_found("POST", whole);
}

bool reads(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

api_error wrong_method(std::string_view method) {
    return {405, "wrong_method",
            fmt::format("{} is not for this path: GET reads, POST changes", method.substr(0, 20)),
            "tasuki --help"};
}

} // namespace

bool changes_something(api_request const& request) {
    // The variant lists what reads first; the first that changes is post_switchover.
    auto const first_change = api_request{post_switchover{}}.index();
    return request.index() >= first_change;
}

routed route(std::string_view method, std::string_view whole, std::string_view body) {
    auto const asked = parse_target(whole);
    if (!asked)
        return bad_request("the target of the request cannot be read");
    auto const& path = asked->path;
    if (path.empty() && asked->query.empty())
        return reads(method) ? routed{api_request{get_page{}}} : routed{wrong_method(method)};
    if (path.size() == 1) {
        auto const kind = parse_check_kind(path[0]);
        if ((kind || path[0] == "metrics") && !reads(method))
            return wrong_method(method);
        if (kind)
            return route_check(*kind, *asked);
        if (path[0] == "metrics")
            return api_request{get_metrics{}};
    }
    if (path.size() >= 3 && path[0] == "api" && path[1] == "v1") {
        if (method == "GET" || method == "HEAD")
            return route_get(*asked, whole);
        if (method == "POST")
            return route_post(*asked, whole, body);
        return wrong_method(method);
    }
    return not_found(method, whole);
}

std::optional<api_error> forbidden(api_request const& request, caller const& from,
                                   std::uint32_t owner) {
    if (!changes_something(request))
        return std::nullopt;
    if (!from.local)
        return api_error{403, "read_only_here",
                         "over TCP this API only reads; changes are made on a node, over the "
                         "control socket",
                         "run the tasuki command on a node of the cluster"};
    if (from.user != 0 && from.user != owner)
        return api_error{403, "not_permitted",
                         fmt::format("user {} may look but not change: only root and the agent's "
                                     "own user may",
                                     from.user),
                         "repeat the command with sudo"};
    return std::nullopt;
}

api_response json_response(std::string body, unsigned status) {
    return {status, "application/json", std::move(body), true};
}

api_response operation_response(answerer const& who, operation_view const& operation,
                                unsigned status) {
    return {status, "application/json", operation_json(who, operation), is_finished(operation)};
}

api_response error_response(api_error const& error) {
    boost::json::object const document{{"schema", 1},
                                       {"error", boost::json::object{
                                                     {"code", error.code},
                                                     {"reason", error.reason},
                                                     {"next_command", error.next_command},
                                                 }}};
    return {error.status, "application/json", served(document), true};
}

api_response check_response(check_answer const& answer) {
    return {answer.status, "text/plain; charset=utf-8", answer.body, true};
}

api_response metrics_response(std::string body) {
    return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(body), true};
}

api_response page_response(std::string body) {
    return {200, "text/plain; charset=utf-8", std::move(body), true};
}

stream_event operation_event(answerer const& who, operation_view const& operation) {
    return {"operation", operation_json(who, operation), operation.id, is_finished(operation)};
}

std::string to_wire(stream_event const& event) {
    std::string out = "event: " + event.name + "\n";
    std::string_view rest = event.data;
    while (true) {
        auto const end = rest.find('\n');
        out += fmt::format("data: {}\n", rest.substr(0, end));
        if (end == std::string_view::npos)
            break;
        rest = rest.substr(end + 1);
    }
    return out + "\n";
}

} // namespace tasuki::http
