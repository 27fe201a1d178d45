#include "tasuki/mysql/operation.hpp"

#include "tasuki/core/overloaded.hpp"

namespace tasuki::mysql {

std::string_view name_of(operation const& what) {
    return std::visit(
        overloaded{
            [](survey const&) -> std::string_view { return "survey"; },
            [](settle const&) -> std::string_view { return "settle"; },
            [](freeze const&) -> std::string_view { return "freeze"; },
            [](unfreeze const&) -> std::string_view { return "unfreeze"; },
            [](drain const&) -> std::string_view { return "drain"; },
            [](await_position const&) -> std::string_view { return "await_position"; },
            [](follow const&) -> std::string_view { return "follow"; },
            [](set_acker const&) -> std::string_view { return "set_acker"; },
            [](arm const&) -> std::string_view { return "arm"; },
            [](await_ackers const&) -> std::string_view { return "await_ackers"; },
            [](open_writes const&) -> std::string_view { return "open_writes"; },
            [](close_writes const&) -> std::string_view { return "close_writes"; },
            [](lock_account const&) -> std::string_view { return "lock_account"; },
            [](unlock_account const&) -> std::string_view { return "unlock_account"; },
            [](probe_commit const&) -> std::string_view { return "probe_commit"; },
            [](repeat_ack const&) -> std::string_view { return "repeat_ack"; },
            [](disable_semi_sync const&) -> std::string_view { return "disable_semi_sync"; },
            [](enable_semi_sync const&) -> std::string_view { return "enable_semi_sync"; },
            [](kill_server const&) -> std::string_view { return "kill_server"; },
            [](list_obstacles const&) -> std::string_view { return "list_obstacles"; },
        },
        what);
}

} // namespace tasuki::mysql
