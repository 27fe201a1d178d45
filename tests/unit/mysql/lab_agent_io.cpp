#include "mariadb_lab_io.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace tasuki::mysql::lab {

agent::agent(database& server, std::string password, milliseconds interval, milliseconds timeout) {
    server_options options;
    options.socket_path = server.socket();
    options.password = std::move(password);
    options.replication_password = "replpw";
    options.epoch_path = server.folder() / "epoch";
    options.probe_interval = interval;
    options.probe_timeout = timeout;
    server_callbacks callbacks;
    callbacks.on_answer = [this](answer what) {
        std::scoped_lock const lock(mutex_);
        auto const ticket = what.ticket;
        answers_[ticket] = std::move(what);
        changed_.notify_all();
    };
    callbacks.on_facts = [this](server_facts what) {
        std::scoped_lock const lock(mutex_);
        facts_ = std::move(what);
        ++facts_seen_;
        changed_.notify_all();
    };
    callbacks.on_gone = [this](server_incarnation life) {
        std::scoped_lock const lock(mutex_);
        gone_[life] = clock::now();
        changed_.notify_all();
    };
    inside(server.network(), [&] {
        auto started = local_server::start(options, callbacks);
        if (started)
            server_.emplace(std::move(*started));
    });
    REQUIRE(server_);
}

std::uint64_t agent::submit(operation what, std::uint64_t under, milliseconds limit) {
    auto const ticket = next_ticket_++;
    auto const accepted = server_->submit({ticket, epoch{under}, limit, std::move(what)});
    REQUIRE(accepted.has_value());
    return ticket;
}

answer agent::await(std::uint64_t ticket) {
    std::unique_lock lock(mutex_);
    bool const came = changed_.wait_for(lock, std::chrono::seconds{40},
                                        [&] { return answers_.contains(ticket); });
    REQUIRE(came);
    return answers_[ticket];
}

answer agent::ask(operation what, std::uint64_t under, milliseconds limit) {
    return await(submit(std::move(what), under, limit));
}

answer agent::must(operation what, std::uint64_t under, milliseconds limit) {
    auto const word = std::string(name_of(what));
    auto out = ask(std::move(what), under, limit);
    INFO(word << ": " << to_string(out.kind) << ": " << out.detail);
    REQUIRE(out.done);
    return out;
}

double agent::await_facts(std::function<bool(server_facts const&)> const& fit, milliseconds limit) {
    auto const begun = clock::now();
    std::unique_lock lock(mutex_);
    bool const came =
        changed_.wait_for(lock, limit, [&] { return facts_seen_ > 0 && fit(facts_); });
    INFO("condition " << to_string(facts_.condition) << ", "
                      << (facts_.durability_faults.empty() ? "" : facts_.durability_faults[0]));
    REQUIRE(came);
    return ms_since(begun);
}

server_facts agent::facts() {
    std::scoped_lock const lock(mutex_);
    return facts_;
}

std::map<server_incarnation, clock::time_point> agent::gone() {
    std::scoped_lock const lock(mutex_);
    return gone_;
}

std::size_t agent::facts_seen() {
    std::scoped_lock const lock(mutex_);
    return facts_seen_;
}

writers::writers(database const& server, unsigned sessions, std::uint64_t first_id) {
    for (unsigned index = 0; index < sessions; ++index)
        threads_.emplace_back([this, &server, index, sessions, first_id] {
            write(server, first_id + index, sessions);
        });
}

void writers::write(database const& server, std::uint64_t first, std::uint64_t step) {
    std::optional<connection> session;
    for (std::uint64_t id = first; !stopping_; id += step) {
        try {
            if (!session)
                session = server.login("app", "apppw");
        } catch (std::exception const&) {
            return;
        }
        session->begin(fmt::format("INSERT INTO app.t VALUES ({}, 'x')", id));
        std::optional<rows_or_error> answered;
        while (!(answered = session->poll(milliseconds{20})))
            if (stopping_)
                return;
        if (*answered) {
            std::scoped_lock const lock(mutex_);
            acknowledged_.insert(id);
        } else if (session->busy())
            session.reset();
    }
}

void writers::stop() {
    stopping_ = true;
    for (std::thread& thread : threads_)
        thread.join();
    threads_.clear();
}

std::set<std::uint64_t> writers::acknowledged() {
    std::scoped_lock const lock(mutex_);
    return acknowledged_;
}

std::size_t writers::count() {
    std::scoped_lock const lock(mutex_);
    return acknowledged_.size();
}

} // namespace tasuki::mysql::lab
