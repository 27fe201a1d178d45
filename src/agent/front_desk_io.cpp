// What the desk reaches the world with.
#include "tasuki/agent/front_body_io.hpp"

namespace tasuki::agent {

namespace {

constexpr milliseconds examination_limit{3'000}; // for each server
constexpr auto history_limit = std::chrono::seconds{5};
constexpr auto forward_limit = std::chrono::seconds{5};

std::vector<http::check_item_view> examine_server(std::string const& node, std::string const& group,
                                                  mysql::server_options const& how) {
    auto const report = mysql::check_server(how, examination_limit);
    std::string const of = " of " + group;
    if (!report)
        return {{"mysql connection" + of, node, "failed", report.error().text, {}}};
    std::vector<http::check_item_view> out;
    for (auto const& fault : report->faults)
        out.push_back({"mysql settings" + of, node, "warning", fault, {}});
    for (auto const& grant : report->missing_grants)
        out.push_back(
            {"mysql grants" + of, node, "failed", "the account lacks a privilege", grant});
    if (report->faults.empty())
        out.push_back({"mysql settings" + of, node, "ok", "as they have to be", {}});
    if (report->missing_grants.empty())
        out.push_back({"mysql grants" + of, node, "ok", "none is missing", {}});
    return out;
}

} // namespace

void front::body::open_desk(history_file file) {
    desk_links links;
    links.look = [this](desk_views::on_snapshot done) { look(std::move(done)); };
    links.ask = [this](operator_asked asked) { lease_->post(std::move(asked)); };
    links.announce = [this](group_id group, std::function<void(result<void>)> done) {
        lease_->announce(group, [this, done = std::move(done)](result<void> got) {
            asio::post(io_, [done, got = std::move(got)] { done(got); });
        });
    };
    links.forward = [this](node_id to, peer_wish wish, auto done) {
        forward(to, std::move(wish), std::move(done));
    };
    links.broadcast = [this](peer_message const& message) { broadcast(message); };
    links.held = [this](node_id by, std::vector<http::held_master> const& all) {
        for (auto const& each : all)
            lease_->post(
                sessions_held{group_named(each.group), epoch{each.epoch}, by, each.sessions});
    };
    links.reload = [this](on_refused refused) { reload(std::move(refused)); };
    links.examine = [this](on_items done) { examine(std::move(done)); };
    links.publish = [this](http::stream_event event) {
        if (http_)
            http_->publish(std::move(event));
    };
    links.warn = [](std::string const& text) { spdlog::warn("{}", text); };
    links.clocks = [] { return read_clocks(); };
    lend_keys(links);
    desk_ = std::make_unique<desk>(io_, settings_, std::move(file), std::move(links));
}

void front::body::open_standings() {
    standings_links links;
    links.ask = [this](node_id holder, group_id group, std::function<void(tenure const&)> done) {
        channel_->request(holder, encode(peer_message{peer_tenure_wanted{group}}),
                          std::chrono::duration_cast<milliseconds>(settings_.terms.lease),
                          [done = std::move(done)](result<byte_string> const& got) {
                              if (!got)
                                  return;
                              if (auto const said = decode_tenure(*got))
                                  done(*said);
                          });
    };
    links.tell = [this](std::string text) {
        if (http_)
            http_->publish({std::string{http::standings_event}, std::move(text), {}, false});
    };
    links.now = [] { return read_clocks().now; };
    standings_ = std::make_unique<standings>(io_, settings_, std::move(links));
}

void front::body::answer_tenure(group_id group, peer_channel::reply_function reply) {
    lease_->ask([this, group, reply = std::move(reply)](node const& from, conditions const&,
                                                        moment at) mutable {
        asio::post(io_, [reply = std::move(reply), said = tenure_of(from, group, at.now)] {
            reply(encode(said));
        });
    });
}

void front::body::look(desk_views::on_snapshot done) {
    lease_->ask([this, done = std::move(done)](node const& from, conditions const& now, moment at) {
        snapshot out;
        out.view = view_of(from, now, at);
        out.at = at;
        for (auto const& [id, group] : from.groups())
            out.own.push_back(report_of(from, *group, now, at));
        asio::post(io_, [done, out = std::move(out)]() mutable { done(std::move(out)); });
    });
}

void front::body::forward(node_id to, peer_wish wish,
                          std::function<void(result<answer_operator>)> done) {
    channel_->request(to, encode(peer_message{std::move(wish)}), forward_limit,
                      [done = std::move(done)](result<byte_string> got) {
                          if (!got)
                              return done(got.error());
                          done(decode_wish_answer(*got));
                      });
}

/// Settings and grants are looked at beside everything else, one examination at a time: whoever
/// asks meanwhile gets the same answer.
void front::body::examine(on_items done) {
    examining_.push_back(std::move(done));
    if (examining_.size() > 1)
        return;
    examiner_ = std::jthread([this] {
        std::vector<http::check_item_view> items;
        for (auto const& [group, how] : examinable_)
            for (auto& item : examine_server(options_.node, group_name(group), how))
                items.push_back(std::move(item));
        asio::post(io_, [this, items = std::move(items)] { examined(items); });
    });
}

void front::body::examined(std::vector<http::check_item_view> const& items) {
    for (auto const& each : std::exchange(examining_, {}))
        each(items);
}

/// What happened while this agent was not there, from everybody who was: once from each.
void front::body::ask_for_history(node_id from) {
    if (!history_from_.insert(from).second)
        return;
    channel_->request(from, encode(peer_message{peer_history_wanted{}}), history_limit,
                      [this, from](result<byte_string> const& got) {
                          if (!got) {
                              history_from_.erase(from); // it is asked again when it is heard
                              return;
                          }
                          auto list = decode_history(*got);
                          if (!list)
                              return spdlog::warn("the history of {} cannot be read: {}",
                                                  settings_.name_of(from), list.error().text);
                          for (auto& each : *list)
                              desk_->learnt(std::move(each));
                      });
}

} // namespace tasuki::agent
