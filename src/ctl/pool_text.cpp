#include "tasuki/ctl/pool_text.hpp"

#include "tasuki/ctl/layout.hpp"

#include <fmt/format.h>

namespace tasuki::ctl {

namespace {

constexpr std::int64_t silent_ms = 5000; // the others tell each second

std::string weight_text(reading backend) {
    auto const weight = backend.at("weight");
    auto const effective = weight.number("effective").value_or(0);
    auto const configured = weight.number("configured").value_or(0);
    return effective == configured ? std::to_string(effective)
                                   : fmt::format("{} of {}", effective, configured);
}

std::string listening(reading pool) {
    std::string out;
    for (auto const& at : pool.texts("listen"))
        out += (out.empty() ? "" : ", ") + at;
    return out.empty() ? "nowhere" : out;
}

std::string count_text(std::int64_t count, std::string_view one) {
    return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

bool is_served(reading pool) {
    for (auto const& backend : pool.list("backends"))
        if (backend.at("weight").number("effective").value_or(0) > 0)
            return true;
    return false;
}

std::string why_of(reading backend) {
    auto out = backend.text("reason");
    if (auto const left = backend.number("drain_left_ms"))
        out += fmt::format("{}{} left", out.empty() ? "" : ", ", print_duration(*left));
    if (out.empty() && backend.flag("backup"))
        out = "backup";
    if (auto const more = remaining_of(backend).elsewhere; !more.empty())
        out += (out.empty() ? "" : "; ") + more;
    return out;
}

std::string format_pool(reading pool, bool colours) {
    bool const served = is_served(pool);
    auto const head =
        fmt::format("{}{} ({}, {}): {}{}", served ? "" : "! ", pool.text("name", "?"),
                    pool.text("protocol", "?"), listening(pool),
                    count_text(pool.number("sessions").value_or(0), "session"),
                    pool.number("queued").value_or(0) > 0
                        ? fmt::format(", {} waiting for a place", *pool.number("queued"))
                        : "");
    auto out = painted(wrap(head, 2), served ? paint::strong : paint::alarm, colours);
    if (!served)
        out += painted("! no backend takes connections\n", paint::alarm, colours);
    if (auto const trouble = pool.text("trouble"); !trouble.empty())
        out += painted(wrap("! " + trouble, 2), paint::warning, colours);
    table rows{{"BACKEND", "ADDRESS", "STATE", "WEIGHT", "HEALTH", "SESSIONS", "WHY"}};
    for (auto const& one : pool.list("backends"))
        rows.row({one.text("name", "?"), one.text("address", "?"), one.text("admin", "?"),
                  weight_text(one), one.text("health", "?"),
                  std::to_string(one.number("sessions").value_or(0)), why_of(one)});
    return out + rows.print();
}

} // namespace

std::string format_pools(reading document, std::string_view only, bool colours) {
    std::string out;
    for (auto const& pool : document.list("pools"))
        if (only.empty() || pool.text("name") == only)
            out += (out.empty() ? "" : "\n") + format_pool(pool, colours);
    return out.empty() ? "no pool is served on this node\n" : out;
}

bool has_pool(reading document, std::string_view name) {
    for (auto const& pool : document.list("pools"))
        if (pool.text("name") == name)
            return true;
    return false;
}

std::string format_sessions(reading document) {
    auto const total = document.number("total").value_or(0);
    table rows{{"CLIENT", "BACKEND", "SINCE", "STATE"}};
    std::int64_t listed = 0;
    for (auto const& one : document.list("sessions")) {
        rows.row({one.text("client", "?"), one.text("backend", "-"),
                  print_age(one.number("age_ms")), one.text("state", "?")});
        ++listed;
    }
    if (rows.empty())
        return "no sessions\n";
    return rows.print() + (total > listed ? fmt::format("and {} more\n", total - listed) : "");
}

std::optional<reading> find_backend(reading document, std::string_view pool,
                                    std::string_view backend) {
    for (auto const& one : document.list("pools"))
        if (one.text("name") == pool)
            for (auto const& each : one.list("backends"))
                if (each.text("name") == backend)
                    return each;
    return std::nullopt;
}

remaining remaining_of(reading backend) {
    remaining out;
    out.sessions = backend.number("sessions").value_or(0);
    bool const is_ready = backend.text("admin") == "ready";
    for (auto const& one : backend.list("elsewhere")) {
        auto const node = one.text("node", "?");
        auto const age = one.number("age_ms");
        if (!age || *age > silent_ms) {
            out.silent += (out.silent.empty() ? "" : ", ") + node;
            continue;
        }
        auto const sessions = one.number("sessions").value_or(0);
        bool const obeys = is_ready || one.text("admin") != "ready"; // or does not have it
        out.sessions += sessions;
        out.all_told = out.all_told && obeys;
        if (sessions > 0 || !obeys)
            out.elsewhere +=
                fmt::format("{}{} on {}{}", out.elsewhere.empty() ? "" : ", ",
                            count_text(sessions, "session"), node, obeys ? "" : ", not told yet");
    }
    return out;
}

std::string format_progress(std::string_view pool, reading backend) {
    auto const left_over = remaining_of(backend);
    auto const sessions = backend.number("sessions").value_or(0);
    auto const admin = backend.text("admin", "?");
    auto out = fmt::format("{}/{}: {}", pool, backend.text("name", "?"),
                           admin == "drain"         ? "draining"
                           : admin == "maintenance" ? "going into maintenance"
                                                    : admin);
    if (admin == "ready")
        return out + fmt::format(", weight {}, {}\n", weight_text(backend),
                                 count_text(sessions, "session"));
    if (left_over.sessions == 0 && left_over.all_told)
        return out + ", empty\n";
    out += fmt::format(", {} left", count_text(sessions, "session"));
    if (!left_over.elsewhere.empty())
        out += " here, " + left_over.elsewhere;
    if (auto const left = backend.number("drain_left_ms"))
        out += fmt::format(", at most {}", print_duration(*left));
    return out + "\n";
}

std::string format_left(reading sessions, std::size_t lines_max) {
    std::string out;
    std::size_t lines = 0;
    for (auto const& one : sessions.list("sessions")) {
        if (lines == lines_max)
            break;
        out += fmt::format("  {} {}\n", one.text("client", "?"), one.text("state", "?"));
        ++lines;
    }
    auto const total = sessions.number("total").value_or(0);
    auto const rest = total - static_cast<std::int64_t>(lines);
    return rest > 0 && lines > 0 ? out + fmt::format("  and {} more\n", rest) : out;
}

} // namespace tasuki::ctl
