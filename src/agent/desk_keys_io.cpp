// What operators ask of the cluster's keys.
#include "tasuki/agent/desk_io.hpp"

#include "tasuki/agent/timeline.hpp"

#include <boost/json.hpp>

#include <utility>

namespace tasuki::agent {

using http::error_response;

namespace {

http::api_error error_of(rotation_refusal const& why) {
    return {409, why.code, why.text, why.next_command};
}

} // namespace

void desk::on(http::get_keys const&, answer done) {
    links_.survey_keys([this, done = std::move(done)](std::vector<node_keys> const& nodes) {
        auto const now = links_.clocks().now;
        done(http::json_response(
            keys_json(signature(), view_of(nodes, told_keys_, now, settings_))));
    });
}

void desk::on(http::post_key_rotate const& asked, answer done, std::string by) {
    if (asked.dry_run)
        return links_.plan_rotation([this, done = std::move(done)](key_rotation::begun const& got) {
            if (got.refused)
                return done(error_response(error_of(*got.refused)));
            done(http::json_response(
                plan_json(signature(), plan_of(got.nodes, got.drawn, got.steps, settings_))));
        });
    operation begun;
    begun.id = new_operation();
    begun.kind = operation_kind::key_rotation;
    begun.started_ms = static_cast<std::int64_t>(links_.clocks().wall_ms);
    begun.by = std::move(by);
    auto const id = begun.id;
    links_.rotate_keys(
        std::move(begun), [this, id, done = std::move(done)](key_rotation::begun const& got) {
            if (got.refused)
                return done(error_response(error_of(*got.refused)));
            done(operation_response(signature(), agent::view_of(*history_.find(id)), 202));
        });
}

void desk::rotated(operation const& now) {
    learnt(now);
    links_.broadcast(peer_operation{now});
}

void desk::on(http::post_key_load const& asked, answer done, std::string by) {
    links_.load_keys(asked.force, [this, by = std::move(by), done = std::move(done)](
                                      std::optional<rotation_refusal> const& refused) {
        if (refused)
            return done(error_response(error_of(*refused)));
        done(http::json_response(boost::json::serialize(
            boost::json::object{{"schema", 1},
                                {"message", "the key file of " + settings_.name_of(settings_.self) +
                                                " is in force as it is now"}})));
    });
}

} // namespace tasuki::agent
