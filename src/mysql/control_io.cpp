#include "tasuki/mysql/control_io.hpp"

#include "tasuki/mysql/process_io.hpp"
#include "tasuki/mysql/server_io.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::mysql {
namespace {

constexpr milliseconds attach_pause{250};
constexpr milliseconds attach_bound{1000};

bool only_reads(operation const& what) {
    return std::holds_alternative<survey>(what) || std::holds_alternative<list_obstacles>(what);
}

} // namespace

epoch_gate::epoch_gate(epoch_file file)
    : highest_(file.highest())
    , file_(std::move(file)) {}

result<void> epoch_gate::admit(epoch value) {
    std::scoped_lock const lock(memory_);
    if (value < highest_)
        return problem{failure::refused, fmt::format("order of epoch {}, but epoch {} has spoken",
                                                     value.value(), highest_.value())};
    highest_ = value;
    return {};
}

result<void> epoch_gate::obey(epoch value) {
    std::scoped_lock const lock(disk_);
    return file_.obey(value);
}

control::control(performer_options options, server_board& board, epoch_gate& epochs,
                 std::function<void()> wake_killer, std::function<void(answer)> on_answer,
                 milliseconds survey_limit)
    : options_(std::move(options))
    , board_(board)
    , epochs_(epochs)
    , wake_killer_(std::move(wake_killer))
    , on_answer_(std::move(on_answer))
    , survey_limit_(survey_limit)
    , hooks_(make_hooks()) {
    thread_ = std::thread([this] { run(); });
}

control::~control() {
    {
        std::scoped_lock const lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

result<void> control::submit(order what) {
    {
        std::scoped_lock const lock(mutex_);
        if (stopping_)
            return problem{failure::unavailable, "the agent is stopping"};
        if (orders_.size() >= local_server::orders_max)
            return problem{failure::exhausted,
                           fmt::format("{} orders for mysqld are waiting", orders_.size())};
        board_.order_waits(only_reads(what.what) ? epoch{} : what.decided_under);
        auto const place = std::ranges::find_if(orders_, [&](waiting const& other) {
            return other.what.decided_under < what.decided_under;
        });
        orders_.insert(place, {std::move(what), clock::now()});
    }
    wake_killer_();
    changed_.notify_all();
    return {};
}

void control::run() {
    for (;;) {
        if (!connection_ && clock::now() >= next_attach_) {
            // Opened in advance: an order must not wait for a login.
            [[maybe_unused]] auto const opened = attach(attach_bound);
            next_attach_ = clock::now() + attach_pause;
        }
        if (auto const next = next_order())
            serve(*next);
        std::scoped_lock const lock(mutex_);
        if (stopping_)
            break;
    }
    std::scoped_lock const lock(mutex_);
    for (waiting const& left : orders_) {
        answer out;
        out.ticket = left.what.ticket;
        out.kind = failure::unavailable;
        out.detail = "the agent is stopping";
        on_answer_(std::move(out));
    }
    orders_.clear();
}

std::optional<control::waiting> control::next_order() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, attach_pause, [&] { return stopping_ || !orders_.empty(); });
    if (stopping_ || orders_.empty())
        return std::nullopt;
    waiting out = std::move(orders_.front());
    orders_.pop_front();
    return out;
}

void control::serve(waiting const& next) {
    auto const begun = clock::now();
    auto const deadline = next.since + next.what.limit;
    answer out;
    out.ticket = next.what.ticket;
    auto const ended = begun < deadline ? obey(next.what, deadline) : pass_over(next.what);
    out.done = ended.has_value();
    if (ended)
        out.detail = *ended;
    else {
        out.kind = ended.error().kind;
        out.detail = ended.error().text;
    }
    if (!add_facts(out) && out.done) {
        out.done = false;
        out.kind = failure::timed_out;
        out.detail = "the server did not answer afterwards: what came of it is not known";
    }
    out.took = clock::now() - begun;
    on_answer_(std::move(out));
}

/// Not begun; but its epoch has spoken.
result<std::string> control::pass_over(order const& what) {
    if (!only_reads(what.what))
        if (auto admitted = epochs_.admit(what.decided_under); !admitted)
            return admitted.error();
    return problem{failure::timed_out,
                   "its time ran out while other orders were served: it was not begun"};
}

result<std::string> control::obey(order const& what, clock::time_point deadline) {
    if (!only_reads(what.what)) {
        if (auto admitted = epochs_.admit(what.decided_under); !admitted)
            return admitted.error();
        if (auto durable = epochs_.obey(what.decided_under); !durable)
            return durable.error();
        board_.order_begins(what.decided_under);
    }
    for (bool again = true;; again = false) {
        auto const left = std::chrono::ceil<milliseconds>(deadline - clock::now());
        if (auto attached = attach(std::clamp(left, milliseconds{1}, attach_bound)); !attached)
            return attached.error();
        auto ended =
            performer(*connection_, *words_, options_, hooks_).perform(what.what, deadline);
        board_.heard();
        bool const lost = connection_->busy();
        if (lost)
            connection_.reset();
        if (ended || !again || !lost || ended.error().kind != failure::unavailable)
            return ended;
    }
}

result<void> control::attach(milliseconds limit) {
    if (connection_)
        return {};
    auto connect = options_.connect;
    connect.limit = limit;
    std::optional<dialect> words;
    auto opened = open_session(connect, false, words);
    if (!opened) {
        auto const& error = opened.error();
        auto const remedy = remedy_for(error, {connect.user, "localhost"});
        auto const kind = !remedy.empty()                              ? failure::not_permitted
                          : error.from == sql_error::origin::timed_out ? failure::timed_out
                                                                       : failure::unavailable;
        return problem{kind, fmt::format("{}: {}{}{}", connect.socket_path, error.text,
                                         remedy.empty() ? "" : ": ", remedy)};
    }
    words_ = std::move(words);
    connection_ = std::move(*opened);
    auto const process = server_process::at_end_of(connection_->descriptor());
    life_ = process ? process->life() : server_incarnation{};
    return {};
}

/// Every answer is a survey too; if the server does not answer, the last facts stand, with their
/// age, and false is returned.
bool control::add_facts(answer& out) {
    auto const last = board_.last_facts();
    out.facts = last;
    out.facts_age = std::max(boottime_now() - last.read_at, duration{1});
    if (!connection_)
        return false;
    auto const survey = [&] {
        return performer(*connection_, *words_, options_, hooks_).survey_now(survey_limit_);
    };
    auto read = survey();
    if (!read && read.error().kind == failure::unavailable) {
        // The connection was ended, which says nothing of the server.
        connection_.reset();
        if (!attach(survey_limit_))
            return false;
        read = survey();
    }
    if (!read) {
        connection_.reset();
        return false;
    }
    board_.heard();
    out.facts = std::move(read->facts);
    out.facts.life = life_;
    bool const answers = last.condition == health::unknown || last.condition == health::down ||
                         last.condition == health::hanging;
    out.facts.condition = answers ? health::up : last.condition;
    out.facts_age = duration::zero();
    return true;
}

performer_hooks control::make_hooks() {
    return {.superseded = [this] { return board_.superseded(); },
            .order_waits =
                [this] {
                    std::scoped_lock const lock(mutex_);
                    return !orders_.empty();
                },
            .statement_begins =
                [this](std::uint64_t session) {
                    board_.statement_begins(session);
                    // It may have been overtaken between the last look and now.
                    if (board_.superseded())
                        wake_killer_();
                },
            .statement_ends = [this] { board_.statement_ends(); },
            .kill_statement =
                [this](std::uint64_t) {
                    board_.wish_interrupt();
                    wake_killer_();
                },
            .hold_probe = [this](milliseconds limit) { return board_.hold_probe(limit); },
            .release_probe = [this](bool create) { board_.release_probe(create); },
            .probe_is_held = [this] { return board_.probe_is_held(); }};
}

} // namespace tasuki::mysql
