#include "tasuki/agent/history_io.hpp"

#include "result_text.hpp"

#include <catch2/catch.hpp>

#include <boost/json.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

namespace fs = std::filesystem;

class state_folder {
  public:
    state_folder() {
        std::string pattern = (fs::temp_directory_path() / "tasuki-history-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    state_folder(state_folder const&) = delete;
    state_folder& operator=(state_folder const&) = delete;
    ~state_folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string const& path() const { return path_; }
    [[nodiscard]] std::string file() const { return path_ + "/history.jsonl"; }

  private:
    std::string path_;
};

operation failover(std::uint64_t id) {
    operation out;
    out.id = operation_id{id};
    out.group = "db";
    out.kind = operation_kind::failover;
    out.from = "db1";
    out.to = "db2";
    out.under = epoch{7};
    out.reason = "lease expired";
    out.started_ms = 1'767'225'600'123;
    out.ms = 812;
    out.steps = {{"freeze", "db3", 2, ""}, {"salvage", "db1", 0, "its agent does not answer"}};
    out.result = operation_result::done;
    out.automatic = true;
    return out;
}

history_file open_file(state_folder const& folder, std::size_t bytes_max = 1UL << 20U) {
    auto file = history_file::open(folder.path(), bytes_max);
    REQUIRE(file);
    return std::move(*file);
}

loaded_history load(state_folder const& folder) {
    auto loaded = open_file(folder).load();
    REQUIRE(loaded);
    return std::move(*loaded);
}

} // namespace

TEST_CASE("history: the JSON of an operation never loses a key", "[agent][history]") {
    CHECK(to_json(failover(18446744073709551615U)) ==
          R"({"schema":1,"id":"18446744073709551615","group":"db","kind":"failover",)"
          R"("from":"db1","to":"db2","epoch":7,"reason":"lease expired",)"
          R"("started":"2026-01-01T00:00:00.123+00:00","started_ms":1767225600123,"ms":812,)"
          R"("result":"done","detail":"","automatic":true,"by":"","lossless":null,"steps":[)"
          R"({"name":"freeze","node":"db3","ms":2,"detail":""},)"
          R"({"name":"salvage","node":"db1","ms":0,)"
          R"("detail":"its agent does not answer"}],"steps_dropped":0})");
}

TEST_CASE("history: an operation comes back from its JSON", "[agent][history]") {
    auto shown = failover(18446744073709551615U);
    shown.from.clear();
    shown.kind = operation_kind::pause;
    shown.result = operation_result::interrupted;
    shown.by = "root";
    shown.lossless = false;
    shown.detail = "said \"no\"\n";
    auto const read = operation_from_json(to_json(shown));
    REQUIRE(read);
    CHECK(*read == shown);
}

TEST_CASE("history: a key that is missing or of another type is refused", "[agent][history]") {
    auto const whole = boost::json::parse(to_json(failover(1))).as_object();
    for (auto const& member : whole) {
        // The text of the time is for readers only; the number decides.
        if (member.key() == "started")
            continue;
        auto lacking = whole;
        lacking.erase(member.key());
        CHECK_FALSE(operation_from_json(boost::json::serialize(lacking)));
        auto other = whole;
        other[member.key()] = boost::json::object{};
        CHECK_FALSE(operation_from_json(boost::json::serialize(other)));
    }
    for (auto const* const text : {"", "[]", "{}", "null", "{\"schema\":1", "\xff\xfe"})
        CHECK_FALSE(operation_from_json(text));
    auto later = whole;
    later["schema"] = 2;
    CHECK_FALSE(operation_from_json(boost::json::serialize(later)));
    later["schema"] = 1;
    later["added_later"] = "is ignored";
    CHECK(operation_from_json(boost::json::serialize(later)));
}

TEST_CASE("history: only the last operations are kept, and known ones are replaced in place",
          "[agent][history]") {
    history kept;
    for (std::uint64_t id = 1; id <= history_operations_max + 10; ++id)
        kept.put(failover(id));
    CHECK(kept.operations().size() == history_operations_max);
    CHECK(kept.find(operation_id{10}) == nullptr);
    REQUIRE(kept.find(operation_id{11}) != nullptr);
    auto changed = failover(11);
    changed.result = operation_result::failed;
    CHECK(kept.put(changed).result == operation_result::failed);
    CHECK(kept.operations().size() == history_operations_max);
    CHECK(kept.operations().front() == changed);
}

TEST_CASE("history: what two nodes know of an operation is put together", "[agent][history]") {
    auto running = failover(1);
    running.result = operation_result::running;
    running.reason.clear();
    running.automatic = false;
    running.by = "root";
    running.steps.clear();
    auto const whole = failover(1);
    for (auto const& both : {merged(running, whole), merged(whole, running)}) {
        CHECK(both.result == operation_result::done);
        CHECK(both.steps.size() == 2);
        CHECK(both.reason == "lease expired");
        CHECK(both.by == "root");
        CHECK_FALSE(both.automatic);
    }
    auto interrupted = running;
    interrupted.result = operation_result::interrupted;
    CHECK(merged(interrupted, running).result == operation_result::running);
}

TEST_CASE("history: what was missed is put where it belongs", "[agent][history]") {
    history kept;
    auto const at = [](std::uint64_t id) {
        auto out = failover(id);
        out.started_ms = static_cast<std::int64_t>(1000 * id);
        return out;
    };
    kept.put(at(2));
    kept.put(at(5));
    CHECK(kept.merge(at(3)) != nullptr);
    CHECK(kept.merge(at(9)) != nullptr);
    CHECK(kept.merge(at(3)) != nullptr);
    std::vector<std::uint64_t> order;
    for (auto const& each : kept.operations())
        order.push_back(each.id.value());
    CHECK(order == std::vector<std::uint64_t>{2, 3, 5, 9});
}

TEST_CASE("history: what still ran when the agent ended has lost its end", "[agent][history]") {
    history kept;
    auto running = failover(1);
    running.result = operation_result::running;
    kept.put(running);
    kept.put(failover(2));
    auto const cut = kept.interrupt_running();
    REQUIRE(cut.size() == 1);
    CHECK(cut[0].id == operation_id{1});
    CHECK(kept.find(operation_id{1})->result == operation_result::interrupted);
    CHECK_FALSE(kept.find(operation_id{1})->detail.empty());
    CHECK(kept.find(operation_id{2})->result == operation_result::done);
}

TEST_CASE("history: steps and texts are cut at their bounds", "[agent][history]") {
    auto given = failover(1);
    given.steps.assign(history_steps_max + 3, given.steps.front());
    given.reason.assign(history_text_max - 1, 'x');
    given.reason += "\xc3\xa9";
    given.detail = "bad \xff\xc0\x80 \xed\xa0\x80 good \xe2\x82\xac";
    auto const kept = bounded(given);
    CHECK(kept.steps.size() == history_steps_max);
    CHECK(kept.steps_dropped == 3);
    // A character is not cut in two.
    CHECK(kept.reason == std::string(history_text_max - 1, 'x'));
    CHECK(kept.detail == "bad ??? ??? good \xe2\x82\xac");
    CHECK(bounded(kept) == kept);
}

TEST_CASE("history: wall time is printed in UTC with its offset", "[agent][history]") {
    CHECK(wall_time_text(0) == "1970-01-01T00:00:00.000+00:00");
    CHECK(wall_time_text(1'709'164'799'999) == "2024-02-28T23:59:59.999+00:00");
    CHECK(wall_time_text(-5) == "1970-01-01T00:00:00.000+00:00");
}

TEST_CASE("history: the file gives back what was appended, the last state of each",
          "[agent][history]") {
    state_folder const folder;
    {
        auto file = open_file(folder);
        auto running = failover(1);
        running.result = operation_result::running;
        REQUIRE(file.append(running));
        REQUIRE(file.append(failover(2)));
        REQUIRE(file.append(failover(1)));
    }
    auto const loaded = load(folder);
    CHECK(loaded.lines_skipped == 0);
    REQUIRE(loaded.operations.operations().size() == 2);
    CHECK(loaded.operations.operations()[0] == failover(1));
    CHECK(loaded.operations.operations()[1] == failover(2));
}

TEST_CASE("history: no file is an empty history", "[agent][history]") {
    state_folder const folder;
    CHECK(load(folder).operations.operations().empty());
}

TEST_CASE("history: a line cut short is skipped and does not spoil the next", "[agent][history]") {
    state_folder const folder;
    REQUIRE(open_file(folder).append(failover(1)));
    REQUIRE(open_file(folder).append(failover(2)));
    fs::resize_file(folder.file(), fs::file_size(folder.file()) - 20);
    REQUIRE(open_file(folder).append(failover(3)));
    auto const loaded = load(folder);
    CHECK(loaded.lines_skipped == 1);
    CHECK(loaded.operations.find(operation_id{1}) != nullptr);
    CHECK(loaded.operations.find(operation_id{2}) == nullptr);
    CHECK(loaded.operations.find(operation_id{3}) != nullptr);
}

TEST_CASE("history: the files stay within their bound, and the newest operations are in them",
          "[agent][history]") {
    state_folder const folder;
    std::size_t const bytes_max = 4096;
    auto file = open_file(folder, bytes_max);
    for (std::uint64_t id = 1; id <= 500; ++id)
        REQUIRE(file.append(failover(id)));
    auto const line = to_json(failover(500)).size() + 1;
    CHECK(fs::file_size(folder.file()) < bytes_max + line);
    CHECK(fs::file_size(folder.path() + "/history.old.jsonl") < bytes_max + line);
    auto const loaded = file.load();
    REQUIRE(loaded);
    CHECK(loaded->lines_skipped == 0);
    CHECK(loaded->operations.operations().back().id == operation_id{500});
    CHECK(loaded->operations.operations().size() > bytes_max / line);
}

TEST_CASE("what load balancers are told often pushes out none of what befell the groups",
          "[agent][history]") {
    history kept;
    auto const put = [&](std::uint64_t id, operation_kind kind) {
        operation one;
        one.id = operation_id{id};
        one.kind = kind;
        one.started_ms = static_cast<std::int64_t>(id);
        (void)kept.put(one);
    };
    auto const count = [&](operation_kind kind) {
        return std::count_if(kept.operations().begin(), kept.operations().end(),
                             [kind](auto const& it) { return it.kind == kind; });
    };
    put(1, operation_kind::failover);
    for (std::uint64_t id = 2; id < 2 + 3 * history_operations_max; ++id)
        put(id, operation_kind::balance);
    CHECK(kept.operations().size() == history_operations_max);
    CHECK(kept.find(operation_id{1}) != nullptr);
    for (std::uint64_t id = 5000; id < 5140; ++id)
        put(id, operation_kind::switchover);
    CHECK(kept.operations().size() == history_operations_max);
    CHECK(kept.find(operation_id{1}) != nullptr);
    CHECK(count(operation_kind::switchover) == 140);
    for (std::uint64_t id = 5140; id < 5150; ++id)
        put(id, operation_kind::switchover);
    CHECK(kept.find(operation_id{1}) == nullptr); // a quarter is theirs: the oldest of all goes
    CHECK(count(operation_kind::balance) == history_operations_max / 4);
    operation late;
    late.id = operation_id{9000};
    late.kind = operation_kind::failover;
    late.started_ms = 9000;
    CHECK(kept.merge(late) != nullptr);
    CHECK(kept.find(operation_id{9000}) != nullptr);
}

TEST_CASE("history: a file that cannot be written is a problem that names it", "[agent][history]") {
    state_folder const folder;
    REQUIRE(fs::create_directory(folder.file()));
    auto const outcome = open_file(folder).append(failover(1));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().text.find(folder.file()) != std::string::npos);
}
