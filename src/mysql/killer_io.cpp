#include "tasuki/mysql/killer_io.hpp"

#include "tasuki/mysql/facts_io.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>

namespace tasuki::mysql {
namespace {

constexpr std::size_t orders_max = 16;
constexpr milliseconds first_back_off{20};
constexpr milliseconds last_back_off{1000};
/// Short, because meanwhile neither death nor orders are seen.
constexpr milliseconds connect_bound{100};
constexpr milliseconds shot_bound{100};

} // namespace

killer::killer(connect_options connect, server_board& board, rules what)
    : connect_(std::move(connect))
    , board_(board)
    , rules_(std::move(what))
    , wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    connect_.limit = connect_bound;
    thread_ = std::thread([this] { run(); });
}

killer::~killer() {
    {
        std::scoped_lock const lock(mutex_);
        stopping_ = true;
    }
    wake();
    thread_.join();
}

void killer::wake() {
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
}

result<void> killer::end_server(order what) {
    {
        std::scoped_lock const lock(mutex_);
        if (orders_.size() >= orders_max)
            return problem{failure::exhausted, "too many orders to end mysqld are waiting"};
        orders_.push_back(std::move(what));
    }
    wake();
    return {};
}

void killer::run() {
    for (;;) {
        attach();
        std::array<pollfd, 3> watched{{
            {.fd = wake_.get(), .events = POLLIN, .revents = 0},
            {.fd = process_ ? process_->descriptor() : -1, .events = POLLIN, .revents = 0},
            {.fd = connection_ ? connection_->descriptor() : -1, .events = POLLIN, .revents = 0},
        }};
        ::poll(watched.data(), watched.size(), wait_ms());
        if (watched[1].revents != 0)
            look_at_process();
        if (watched[2].revents != 0)
            look_at_connection();
        if (watched[0].revents != 0) {
            std::uint64_t count = 0;
            [[maybe_unused]] auto const taken = ::read(wake_.get(), &count, sizeof count);
            interrupt();
            serve_orders();
            std::scoped_lock const lock(mutex_);
            if (stopping_)
                return;
        }
    }
}

/// Finds the process, then opens the connection; both again and again with growing pauses.
void killer::attach() {
    if ((process_ && connection_) || clock::now() < next_try_)
        return;
    if (!process_)
        if (auto found = server_process::behind(connect_.socket_path)) {
            process_ = std::move(*found);
            unique_fd copy{::fcntl(process_->descriptor(), F_DUPFD_CLOEXEC, 0)};
            rules_.on_process(std::make_shared<unique_fd const>(std::move(copy)));
        }
    if (process_ && !connection_) {
        std::optional<dialect> unused = dialect{};
        if (auto opened = open_session(connect_, false, unused))
            connection_ = std::move(*opened);
    }
    bool const complete = process_ && connection_;
    back_off_ = complete ? first_back_off : std::min(back_off_ * 2, last_back_off);
    next_try_ = clock::now() + back_off_;
}

int killer::wait_ms() const {
    if (process_ && connection_)
        return -1;
    auto const left = std::chrono::ceil<milliseconds>(next_try_ - clock::now());
    return static_cast<int>(std::max(left, milliseconds{0}).count());
}

void killer::look_at_process() {
    if (!process_->is_gone())
        return;
    auto const life = process_->life();
    process_.reset();
    connection_.reset();
    back_off_ = first_back_off;
    next_try_ = clock::now() + back_off_;
    rules_.on_gone(life);
}

/// An idle connection becomes readable only when it is closed: killed, or its server is dying.
void killer::look_at_connection() {
    if (!connection_)
        return;
    connection_.reset();
    next_try_ = clock::now() + first_back_off;
}

void killer::interrupt() {
    auto const session = board_.take_aim();
    if (!session)
        return;
    if (connection_) {
        auto const killed = connection_->query(dialect{}.kill_statement(*session), shot_bound);
        if (connection_->busy())
            connection_.reset();
    }
    board_.shot();
}

void killer::serve_orders() {
    for (;;) {
        order what;
        {
            std::scoped_lock const lock(mutex_);
            if (orders_.empty())
                return;
            what = std::move(orders_.front());
            orders_.pop_front();
        }
        auto const begun = clock::now();
        auto ended = rules_.admit(what.decided_under);
        if (ended)
            ended = end_process(std::chrono::ceil<milliseconds>(what.limit));
        if (ended)
            ended = rules_.settle(what.decided_under);
        answer out;
        out.ticket = what.ticket;
        out.done = ended.has_value();
        out.facts = board_.last_facts();
        if (ended)
            out.facts.condition = health::down;
        else {
            out.kind = ended.error().kind;
            out.detail = ended.error().text;
        }
        out.took = clock::now() - begun;
        rules_.on_answer(std::move(out));
    }
}

result<void> killer::end_process(milliseconds limit) {
    // Who listens now counts; the process known so far stands in while its socket is gone already.
    auto const listening = server_process::behind(connect_.socket_path);
    if (listening)
        return listening->kill(limit);
    if (process_ && !process_->is_gone())
        return process_->kill(limit);
    if (listening.error().kind == failure::absent)
        return {};
    return listening.error();
}

} // namespace tasuki::mysql
