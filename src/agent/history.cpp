#include "tasuki/agent/history.hpp"

#include "tasuki/core/utf8.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

namespace tasuki::agent {

namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 12> kind_names{
    "bootstrap", "failover", "switchover",   "promotion", "standby", "activate",
    "pause",     "resume",   "key_rotation", "voters",    "fence",   "balance"};
constexpr std::array<std::string_view, 5> result_names{"running", "done", "failed", "refused",
                                                       "interrupted"};

template<class Enum, std::size_t Size>
std::optional<Enum> named(std::array<std::string_view, Size> const& names, std::string_view name) {
    auto const place = std::find(names.begin(), names.end(), name);
    if (place == names.end())
        return std::nullopt;
    return static_cast<Enum>(place - names.begin());
}

void bound(std::string& text) {
    std::string out;
    std::string_view rest = text;
    while (!rest.empty()) {
        auto const length = utf8_length(rest);
        if (out.size() + std::max<std::size_t>(length, 1) > history_text_max)
            break;
        out += length == 0 ? std::string_view{"?"} : rest.substr(0, length);
        rest.remove_prefix(std::max<std::size_t>(length, 1));
    }
    text = std::move(out);
}

json::value text_or_null(std::string const& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object to_object(operation_step const& step) {
    return {{"name", step.name},
            {"node", text_or_null(step.node)},
            {"ms", step.ms},
            {"detail", step.detail}};
}

json::object to_object(operation const& shown) {
    json::array steps;
    for (auto const& step : shown.steps)
        steps.emplace_back(to_object(step));
    return {{"schema", 1},
            {"id", std::to_string(shown.id.value())},
            {"group", shown.group},
            {"kind", to_string(shown.kind)},
            {"from", text_or_null(shown.from)},
            {"to", text_or_null(shown.to)},
            {"epoch", shown.under.value()},
            {"reason", shown.reason},
            {"started", wall_time_text(shown.started_ms)},
            {"started_ms", shown.started_ms},
            {"ms", shown.ms},
            {"result", to_string(shown.result)},
            {"detail", shown.detail},
            {"automatic", shown.automatic},
            {"by", shown.by},
            {"lossless", shown.lossless ? json::value(*shown.lossless) : json::value(nullptr)},
            {"steps", std::move(steps)},
            {"steps_dropped", shown.steps_dropped}};
}

/// Reads members of one object; the first that is missing or of another type fails the whole.
class object_reader {
  public:
    explicit object_reader(json::object const& from)
        : from_(from) {}

    [[nodiscard]] std::string text(std::string_view key) {
        auto const* const value = from_.if_contains(key);
        if (value != nullptr && value->is_string())
            return std::string{std::string_view{value->get_string()}};
        if (value == nullptr || !value->is_null())
            failed_ = true;
        return {};
    }
    [[nodiscard]] std::optional<bool> flag(std::string_view key) {
        auto const* const value = from_.if_contains(key);
        if (value != nullptr && value->is_bool())
            return value->get_bool();
        if (value == nullptr || !value->is_null())
            failed_ = true;
        return std::nullopt;
    }
    template<class Integer>
    [[nodiscard]] Integer integer(std::string_view key) {
        auto const* const value = from_.if_contains(key);
        json::error_code error;
        auto const number = value != nullptr ? value->to_number<Integer>(error) : Integer{};
        failed_ = failed_ || value == nullptr || error.failed();
        return error.failed() ? Integer{} : number;
    }
    template<class Enum, std::size_t Size>
    [[nodiscard]] Enum choice(std::string_view key,
                              std::array<std::string_view, Size> const& names) {
        auto const value = named<Enum>(names, text(key));
        failed_ = failed_ || !value;
        return value.value_or(Enum{});
    }
    [[nodiscard]] json::array const* list(std::string_view key) {
        auto const* const value = from_.if_contains(key);
        failed_ = failed_ || value == nullptr || !value->is_array();
        return failed_ ? nullptr : value->if_array();
    }
    void fail() { failed_ = true; }
    [[nodiscard]] bool failed() const { return failed_; }

  private:
    json::object const& from_;
    bool failed_ = false;
};

std::optional<operation_step> step_from(json::value const& value) {
    if (!value.is_object())
        return std::nullopt;
    object_reader in{value.get_object()};
    operation_step out;
    out.name = in.text("name");
    out.node = in.text("node");
    out.ms = in.integer<std::int64_t>("ms");
    out.detail = in.text("detail");
    return in.failed() ? std::nullopt : std::optional{std::move(out)};
}

std::uint64_t id_from(object_reader& in) {
    auto const text = in.text("id");
    std::uint64_t id = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size())
        in.fail();
    return id;
}

void read_steps(object_reader& in, operation& out) {
    auto const* const steps = in.list("steps");
    if (steps == nullptr)
        return;
    for (auto const& value : *steps) {
        auto step = step_from(value);
        if (!step)
            return in.fail();
        out.steps.push_back(std::move(*step));
    }
}

} // namespace

std::string_view to_string(operation_kind kind) {
    return kind_names[static_cast<std::size_t>(kind)];
}
std::string_view to_string(operation_result outcome) {
    return result_names[static_cast<std::size_t>(outcome)];
}
bool moves_the_group(operation_kind kind) {
    return kind == operation_kind::failover || kind == operation_kind::switchover ||
           kind == operation_kind::promotion;
}

operation bounded(operation given) {
    if (given.steps.size() > history_steps_max) {
        given.steps_dropped += given.steps.size() - history_steps_max;
        given.steps.resize(history_steps_max);
    }
    for (auto* const text :
         {&given.group, &given.from, &given.to, &given.reason, &given.detail, &given.by})
        bound(*text);
    for (auto& step : given.steps)
        for (auto* const text : {&step.name, &step.node, &step.detail})
            bound(*text);
    return given;
}

/// What scripts tell a load balancer again and again does not push out what befell a group.
void history::make_room() {
    if (operations_.size() < history_operations_max)
        return;
    auto const is_balance = [](auto const& each) { return each.kind == operation_kind::balance; };
    auto const of_balancers = std::count_if(operations_.begin(), operations_.end(), is_balance);
    if (of_balancers <= static_cast<std::ptrdiff_t>(history_operations_max / 4))
        return operations_.pop_front();
    operations_.erase(std::find_if(operations_.begin(), operations_.end(), is_balance));
}

operation const& history::put(operation given) {
    auto const place = std::find_if(operations_.begin(), operations_.end(),
                                    [&](auto const& known) { return known.id == given.id; });
    if (place != operations_.end())
        return *place = bounded(std::move(given));
    make_room();
    return operations_.emplace_back(bounded(std::move(given)));
}

operation merged(operation known, operation const& other) {
    auto const rank = [](operation const& it) {
        return it.result == operation_result::interrupted ? 0
               : it.result == operation_result::running   ? 1
                                                          : 2;
    };
    bool const better = rank(other) > rank(known) ||
                        (rank(other) == rank(known) && other.steps.size() > known.steps.size());
    operation out = better ? other : known;
    auto const& rest = better ? known : other;
    for (auto const part : {&operation::from, &operation::to, &operation::reason, &operation::by})
        if ((out.*part).empty())
            out.*part = rest.*part;
    if (!out.lossless)
        out.lossless = rest.lossless;
    // Whoever was asked knows best that somebody asked.
    out.automatic = out.automatic && rest.automatic;
    out.started_ms = std::min(out.started_ms, rest.started_ms);
    return out;
}

operation const* history::merge(operation given) {
    if (auto const* known = find(given.id))
        return &put(merged(*known, given));
    bool const oldest = operations_.empty() || given.started_ms < operations_.front().started_ms;
    if (operations_.size() == history_operations_max) {
        if (oldest)
            return nullptr;
        make_room();
    }
    auto const place = std::upper_bound(
        operations_.begin(), operations_.end(), given.started_ms,
        [](std::int64_t started, auto const& each) { return started < each.started_ms; });
    return &*operations_.insert(place, bounded(std::move(given)));
}

std::vector<operation> history::interrupt_running() {
    std::vector<operation> out;
    for (auto& each : operations_) {
        if (each.result != operation_result::running)
            continue;
        each.result = operation_result::interrupted;
        each.detail = "the agent ended before this was over: how it ended is not known here";
        out.push_back(each);
    }
    return out;
}

operation const* history::find(operation_id id) const {
    auto const place = std::find_if(operations_.begin(), operations_.end(),
                                    [&](auto const& known) { return known.id == id; });
    return place == operations_.end() ? nullptr : &*place;
}

std::string to_json(operation const& shown) {
    return json::serialize(to_object(shown));
}

result<operation> operation_from_json(std::string_view text) {
    json::error_code error;
    auto const parsed = json::parse(text, error);
    if (error || !parsed.is_object())
        return problem{failure::invalid, "an operation in the history is no JSON object"};
    object_reader in{parsed.get_object()};
    operation out;
    bool const known = in.integer<int>("schema") == 1;
    out.id = operation_id{id_from(in)};
    out.group = in.text("group");
    out.kind = in.choice<operation_kind>("kind", kind_names);
    out.from = in.text("from");
    out.to = in.text("to");
    out.under = epoch{in.integer<std::uint64_t>("epoch")};
    out.reason = in.text("reason");
    out.started_ms = in.integer<std::int64_t>("started_ms");
    out.ms = in.integer<std::int64_t>("ms");
    out.result = in.choice<operation_result>("result", result_names);
    out.detail = in.text("detail");
    out.automatic = in.flag("automatic").value_or(false);
    out.by = in.text("by");
    out.lossless = in.flag("lossless");
    out.steps_dropped = in.integer<std::size_t>("steps_dropped");
    read_steps(in, out);
    if (in.failed() || !known)
        return problem{failure::invalid, "an operation in the history lacks a key of schema 1, or "
                                         "has one of another type"};
    return bounded(std::move(out));
}

std::string wall_time_text(std::int64_t ms_since_1970) {
    using namespace std::chrono;
    // Beyond these years the calendar arithmetic would overflow.
    auto const ms = std::clamp<std::int64_t>(ms_since_1970, 0, 253'402'300'799'999);
    sys_time<std::chrono::milliseconds> const moment{std::chrono::milliseconds{ms}};
    auto const day = floor<days>(moment);
    year_month_day const date{day};
    hh_mm_ss const time{moment - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+00:00",
                       static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), time.hours().count(),
                       time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

} // namespace tasuki::agent
