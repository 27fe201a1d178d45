#include "tasuki/mysql/server_io.hpp"

#include "tasuki/mysql/control_io.hpp"
#include "tasuki/mysql/killer_io.hpp"
#include "tasuki/mysql/prober_io.hpp"
#include "tasuki/mysql/route_io.hpp"

#include <variant>

namespace tasuki::mysql {
namespace {

connect_options connect_of(server_options const& options) {
    return {.socket_path = options.socket_path,
            .host = {},
            .user = options.user,
            .password = options.password};
}

} // namespace

/// Order of members is order of construction: killer and prober before control, which uses both.
struct local_server::inner {
    inner(server_options const& options, server_callbacks what, epoch_file file)
        : epochs(std::move(file))
        , callbacks(std::move(what))
        , probes(connect_of(options), options.probe_interval, options.probe_timeout, board,
                 [this](server_facts facts) { callbacks.on_facts(std::move(facts)); })
        , ends(connect_of(options), board,
               {.admit = [this](epoch value) { return epochs.admit(value); },
                .settle = [this](epoch value) { return epochs.obey(value); },
                .on_answer = [this](answer out) { callbacks.on_answer(std::move(out)); },
                .on_process =
                    [this](process_handle process) {
                        if (callbacks.on_process)
                            callbacks.on_process(std::move(process));
                    },
                .on_gone =
                    [this](server_incarnation life) {
                        callbacks.on_gone(life);
                        probes.kick();
                    }})
        , orders(
              {.connect = connect_of(options),
               .replication_prefix = options.replication_prefix,
               .replication_password = options.replication_password},
              board, epochs, [this] { ends.wake(); },
              [this](answer out) {
                  callbacks.on_answer(std::move(out));
                  probes.kick();
              },
              options.probe_timeout) {}
    ~inner() {
        board.stop();
        ends.wake();
    }

    server_board board;
    epoch_gate epochs;
    server_callbacks callbacks;
    prober probes;
    killer ends;
    control orders;
};

local_server::local_server(std::unique_ptr<inner> parts)
    : inner_(std::move(parts)) {}
local_server::local_server(local_server&&) noexcept = default;
local_server& local_server::operator=(local_server&&) noexcept = default;
local_server::~local_server() = default;

result<local_server> local_server::start(server_options options, server_callbacks callbacks) {
    auto file = epoch_file::open(options.epoch_path);
    if (!file)
        return file.error();
    // A rule of an earlier life would keep this node away from a master for ever.
    if (auto removed = unblock_all(); !removed)
        return removed.error();
    return local_server{std::make_unique<inner>(options, std::move(callbacks), std::move(*file))};
}

result<void> local_server::submit(order what) {
    if (std::holds_alternative<kill_server>(what.what))
        return inner_->ends.end_server(std::move(what));
    return inner_->orders.submit(std::move(what));
}

void local_server::probe_now() {
    inner_->probes.kick();
}

} // namespace tasuki::mysql
