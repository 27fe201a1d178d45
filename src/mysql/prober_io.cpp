#include "tasuki/mysql/prober_io.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>

namespace tasuki::mysql {
namespace {

/// How long one look waits for its commit; longer ones are judged by their age at the next look.
constexpr milliseconds commit_patience{50};
constexpr unsigned no_such_table = 1146;

bool names_full_disk(sql_error const& error) {
    return error.number == sql_errno::disk_full || error.number == sql_errno::table_full ||
           error.text.find("No space left") != std::string::npos ||
           error.text.find("Errcode: 28") != std::string::npos;
}

} // namespace

prober::prober(connect_options connect, milliseconds interval, milliseconds timeout,
               server_board& board, std::function<void(server_facts)> on_facts)
    : connect_(std::move(connect))
    , interval_(interval)
    , timeout_(timeout)
    , board_(board)
    , on_facts_(std::move(on_facts)) {
    connect_.limit = timeout_;
    thread_ = std::thread([this] { run(); });
}

prober::~prober() {
    {
        std::scoped_lock const lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void prober::kick() {
    {
        std::scoped_lock const lock(mutex_);
        kicked_ = true;
    }
    changed_.notify_all();
}

void prober::run() {
    for (;;) {
        {
            std::scoped_lock const lock(mutex_);
            if (stopping_)
                return;
            kicked_ = false;
        }
        auto const begun = clock::now();
        auto facts = look();
        last_ = facts.condition;
        board_.keep(facts);
        on_facts_(std::move(facts));
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, begun + interval_, [&] { return kicked_ || stopping_; });
    }
}

server_facts prober::look() {
    remark_.clear();
    if (auto const failed = attach_reader())
        return without_answer(*failed);
    auto const until = clock::now() + timeout_;
    auto read = read_facts(*words_, [&](std::string const& statement) {
        auto const rest = std::chrono::ceil<milliseconds>(until - clock::now());
        return reader_->query(statement, std::max(rest, milliseconds{1}));
    });
    if (!read) {
        auto const error = read.error();
        if (error.lost())
            reader_.reset();
        return without_answer(error);
    }
    board_.heard();
    read->facts.life = life_;
    read->facts.condition = judge(*read);
    if (!remark_.empty())
        read->facts.durability_faults.push_back(remark_);
    return std::move(read->facts);
}

std::optional<sql_error> prober::attach_reader() {
    if (reader_)
        return std::nullopt;
    std::optional<dialect> words;
    auto opened = open_session(connect_, false, words);
    if (!opened)
        return opened.error();
    words_ = std::move(words);
    reader_ = std::move(*opened);
    auto const process = server_process::at_end_of(reader_->descriptor());
    auto const life = process ? process->life() : server_incarnation{};
    if (!process)
        remark_ = process.error().text;
    if (life != life_ && committing_) {
        // The commit of a dead server's life will never be answered.
        committing_ = false;
        committer_.reset();
        board_.commit_ended();
    }
    table_found_ = table_found_ && life == life_;
    life_ = life;
    return std::nullopt;
}

/// What is known stays; only the condition is new.
server_facts prober::without_answer(sql_error const& error) {
    auto facts = board_.last_facts();
    auto const remedy = remedy_for(error, {connect_.user, "localhost"});
    facts.condition = health::unknown;
    if (error.number == sql_errno::too_many_connections)
        facts.condition = health::full;
    else if (!remedy.empty())
        facts.condition = health::refused;
    else if (auto const process = server_process::behind(connect_.socket_path); !process)
        facts.condition = process.error().kind == failure::absent ? health::down : health::unknown;
    else if (error.from == sql_error::origin::timed_out)
        facts.condition = board_.heard_within(timeout_) ? last_ : health::hanging;
    if (facts.condition != last_ || facts.durability_faults.empty()) {
        facts.durability_faults = {error.text};
        if (!remedy.empty())
            facts.durability_faults.push_back(remedy);
    }
    return facts;
}

health prober::judge(reading const& read) {
    if (!committing_)
        begin_commit(read.facts);
    if (committing_)
        if (auto const ended = end_commit(std::min(timeout_, commit_patience)))
            return *ended;
    // Behind one that waits for an acknowledgement, others queue up in state "Commit".
    if (committing_ && clock::now() - committing_since_ > timeout_)
        return read.facts.waiting_for_ack > 0 ? health::waiting_for_ack : judge_delay();
    if (read.oldest_wait > timeout_)
        return health::waiting_for_ack;
    bool const judged_before = last_ == health::waiting_for_ack || last_ == health::disk_full;
    return committing_ && judged_before ? last_ : health::up;
}

void prober::begin_commit(server_facts const& facts) {
    if (facts.read_only || facts.replica)
        return;
    if (!table_found_) {
        auto const found = reader_->query(words_->find_probe_table(), timeout_);
        if (!found) {
            if (found.error().lost())
                reader_.reset();
            return;
        }
        table_found_ = found->number(0, "found") > 0;
    }
    if (!table_found_ && !board_.table_is_wanted())
        return;
    if (!committer_) {
        auto opened = open_session(connect_, true, words_);
        if (!opened)
            return;
        committer_ = std::move(*opened);
    }
    if (!board_.commit_begins())
        return;
    to_commit_.clear();
    if (!table_found_)
        to_commit_ = words_->create_probe_table();
    auto const beat = static_cast<std::uint64_t>(to_ms(boottime_now() - long_ago));
    to_commit_.push_back(words_->commit_probe(facts.server_number, beat));
    committing_ = true;
    committing_since_ = clock::now();
    begin_next_statement();
}

void prober::begin_next_statement() {
    committer_->begin(to_commit_.front());
    to_commit_.erase(to_commit_.begin());
}

/// Nothing while the commit is in flight.
std::optional<health> prober::end_commit(milliseconds limit) {
    for (;;) {
        auto const answered = committer_->poll(limit);
        if (!answered)
            return std::nullopt;
        if (*answered && !to_commit_.empty()) {
            begin_next_statement();
            continue;
        }
        committing_ = false;
        board_.commit_ended();
        table_found_ = answered->has_value() || table_found_;
        if (committer_->busy())
            committer_.reset();
        return *answered ? health::up : judge_error(answered->error());
    }
}

health prober::judge_error(sql_error const& error) {
    if (names_full_disk(error))
        return health::disk_full;
    if (error.number == no_such_table)
        table_found_ = false;
    if (error.lost() || error.number == sql_errno::option_prevents_statement)
        return health::up; // Killed, or read_only came between: the reader has just answered.
    remark_ = fmt::format("the probe's commit failed: error {}: {}", error.number, error.text);
    auto const remedy = remedy_for(error, {connect_.user, "localhost"});
    if (remedy.empty())
        return health::up;
    remark_ += fmt::format(" (run {})", remedy);
    return health::refused;
}

/// The reader answers, the commit does not: what does it wait for?
health prober::judge_delay() {
    if (!reader_)
        return health::hanging;
    auto const rows = reader_->query(words_->state_of_session(committer_->session()), timeout_);
    if (!rows) {
        if (rows.error().lost())
            reader_.reset();
        return health::hanging;
    }
    auto const state = rows->text(0, "STATE");
    if (state.starts_with("Waiting for semi-sync ACK"))
        return health::waiting_for_ack;
    if (disk_is_full())
        return health::disk_full;
    if (state.find("lock") != std::string::npos) {
        remark_ = fmt::format("commits are held up by a lock ({}): a backup, LOCK TABLES or FLUSH "
                              "TABLES WITH READ LOCK; see SHOW PROCESSLIST",
                              state);
        return health::up;
    }
    return health::hanging;
}

bool prober::disk_is_full() const {
    struct statvfs room {};
    auto const folder = words_->data_folder();
    return !folder.empty() && ::statvfs(folder.c_str(), &room) == 0 && room.f_bavail == 0;
}

} // namespace tasuki::mysql
