#pragma once
// A procedure played against model servers, with chosen answers failing or never coming.
//
// Deterministic: each order takes a millisecond, a lost one is never answered, and time moves on
// to the next answer or to the procedure's own wish to be woken.

#include "doubles/model.hpp"
#include "tasuki/mysql/procedure.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tasuki::mysql::scene {

inline std::vector<member> members(std::size_t count = 3) {
    std::vector<member> out;
    for (std::size_t i = 1; i <= count; ++i) {
        member who;
        who.name = "db" + std::to_string(i);
        who.node = node_id{static_cast<std::uint32_t>(i)};
        who.server.address =
            ip_address::v4({std::byte{10}, std::byte{0}, std::byte{0}, static_cast<std::byte>(i)});
        who.server.port = 3306;
        who.account = "repl_" + who.name;
        out.push_back(who);
    }
    return out;
}

inline constexpr node_id db1{1};
inline constexpr node_id db2{2};
inline constexpr node_id db3{3};

enum class fate { ok, failed, lost };

/// One answer that does not come as the model would give it.
struct mishap {
    std::string operation; ///< its name, or "journal <milestone>"
    node_id node;
    fate what = fate::ok;
    failure kind = failure::broken;
    unsigned skip = 0; ///< leaves the first ones alone
};

struct played {
    std::optional<conclude> verdict;
    std::vector<journal_entry> journal;
    std::vector<std::string> asked; ///< "freeze db2"
    std::vector<std::string> notes;
    instant ended = long_ago;

    [[nodiscard]] bool has_asked(std::string const& what) const {
        for (std::string const& each : asked)
            if (each == what)
                return true;
        return false;
    }
    [[nodiscard]] bool has_noted(std::string const& part) const {
        for (std::string const& each : notes)
            if (each.find(part) != std::string::npos)
                return true;
        return false;
    }
    [[nodiscard]] std::size_t place_of(std::string const& what) const {
        for (std::size_t i = 0; i < asked.size(); ++i)
            if (asked[i] == what)
                return i;
        return asked.size();
    }
};

template<class State, class Event, class Policy, class Outcome>
class stage {
  public:
    using step_function = Outcome (*)(State, Event const&, instant, Policy const&);
    using wake_function = instant (*)(State const&);

    stage(model::cluster& servers, step_function step, wake_function wake, Policy with = {})
        : rules(std::move(with))
        , servers_(servers)
        , step_(step)
        , wake_(wake) {}

    void tell(Event const& what) {
        Outcome out = step_(std::move(state), what, now, rules);
        state = std::move(out.next);
        for (command const& each : out.commands)
            obey(each);
    }

    /// Until the procedure concludes, or for `span`.
    played const& run(duration span = std::chrono::minutes{10}) {
        instant const end = now + span;
        while (!result.verdict && now < end) {
            if (!queue_.empty()) {
                auto const next = queue_.front();
                queue_.erase(queue_.begin());
                now += milliseconds{1};
                next();
                continue;
            }
            instant const wake = wake_(state);
            now = std::min(end, std::max(now + milliseconds{1}, wake));
            if (between)
                between();
            if constexpr (std::is_constructible_v<Event, tick>)
                tell(tick{});
        }
        result.ended = now;
        return result;
    }

    std::vector<mishap> mishaps;
    std::function<void()> between; ///< what the world does meanwhile
    State state;
    Policy rules;
    instant now = instant{milliseconds{1000}};
    played result;

  private:
    fate fate_of(std::string const& operation, node_id node, failure& kind) {
        for (mishap& each : mishaps)
            if (each.operation == operation && each.node == node) {
                if (each.skip > 0) {
                    --each.skip;
                    continue;
                }
                kind = each.kind;
                return each.what;
            }
        return fate::ok;
    }

    void obey(command const& what) {
        if (auto const* const question = std::get_if<ask>(&what))
            put(*question);
        else if (auto const* const entry = std::get_if<mysql::journal>(&what))
            write(entry->entry);
        else if (auto const* const line = std::get_if<note>(&what))
            result.notes.push_back(line->step + ": " + line->text);
        else if (auto const* const end = std::get_if<conclude>(&what))
            result.verdict = *end;
    }

    void put(ask const& question) {
        std::string const operation{name_of(question.what.what)};
        result.asked.push_back(operation + " db" + std::to_string(question.node.value()));
        failure kind = failure::broken;
        fate const how = fate_of(operation, question.node, kind);
        if (how == fate::lost)
            return;
        queue_.push_back([this, question, how, kind] {
            answer got;
            got.ticket = question.what.ticket;
            got.kind = kind;
            got.detail = "made to fail";
            if (how == fate::ok)
                got = servers_.perform(question.node, question.what);
            tell(answered{got});
        });
    }

    void write(journal_entry const& entry) {
        result.journal.push_back(entry);
        failure kind = failure::broken;
        fate const how =
            fate_of("journal " + std::string(to_string(entry.reached)), node_id{}, kind);
        if (how == fate::lost)
            return;
        if constexpr (std::is_constructible_v<Event, journalled>)
            queue_.push_back([this, how] { tell(journalled{how == fate::ok}); });
    }

    model::cluster& servers_;
    step_function step_;
    wake_function wake_;
    std::vector<std::function<void()>> queue_;
};

} // namespace tasuki::mysql::scene
