// Reload: the same agent with another file, or another version of it, while everything it serves
// goes on. What would not start, or would be another agent, is refused before anything changes.
#include "tasuki/agent/config_identity.hpp"
#include "tasuki/agent/front_body_io.hpp"

namespace tasuki::agent {

namespace {

std::string first_line(std::string const& text) {
    return text.substr(0, text.find('\n'));
}

} // namespace

/// `refused` is called if it does not come to pass; otherwise this program ends.
void front::body::reload(on_refused refused) {
    if (reloading_)
        return refused({failure::conflict, "a reload is under way"});
    reloading_ = true;
    checker_ = std::jthread([this, refused = std::move(refused)] {
        asio::post(io_, [this, refused, found = check_program(options_.self)] {
            checked(found, refused);
        });
    });
}

void front::body::checked(result<std::string> const& found, on_refused const& refused) {
    auto const give_up = [this, refused](problem why) {
        reloading_ = false;
        spdlog::warn("reload: nothing has changed: {}", why.text);
        refused(std::move(why));
    };
    if (!found)
        return give_up(found.error());
    auto const is =
        identity_text(options_.from, options_.node, options_.state_dir, options_.runtime_dir);
    if (first_line(*found) != is)
        return give_up({failure::refused, "the file makes another agent of this one (" +
                                              first_line(*found) + "), which runs as " + is +
                                              ": that takes a restart"});
    spdlog::info("reload: {} takes over what is served here", options_.self.path);
    spdlog::default_logger()->flush();
    lease_->replace(options_.self, [this, give_up](problem why) {
        asio::post(io_, [give_up, why = std::move(why)] { give_up(why); });
    });
}

} // namespace tasuki::agent
