#include "tasuki/lb/sql_watch.hpp"

#include "tasuki/lb/mysql_wire.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr char small(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

constexpr bool is_letter(char it) {
    return (it >= 'a' && it <= 'z') || it == '_';
}

} // namespace

held_locks lock_effect::on(held_locks before, bool succeeded) const {
    if (succeeded && given_back.tables)
        before.tables = false;
    if (succeeded && given_back.named)
        before.named = false;
    return {before.tables || taken.tables, before.named || taken.named};
}

sql_watch::word sql_watch::current() const {
    constexpr std::pair<std::string_view, word> words[] = {
        {"backup", word::backup},
        {"end", word::end},
        {"export", word::export_},
        {"flush", word::flush},
        {"for", word::for_},
        {"get_lock", word::get_lock},
        {"lock", word::lock},
        {"read", word::read},
        {"release_all_locks", word::release_all_locks},
        {"stage", word::stage},
        {"table", word::table},
        {"tables", word::table},
        {"unlock", word::unlock},
    };
    if (count_ > letters_.size())
        return word::other;
    std::string_view const text{letters_.data(), count_};
    auto const* const found = std::find_if(std::begin(words), std::end(words),
                                           [&](auto const& each) { return each.first == text; });
    return found == std::end(words) ? word::other : found->second;
}

void sql_watch::end_word() {
    auto const now = current();
    auto const before = std::exchange(before_, now);
    count_ = 0;
    flushes_ = flushes_ || now == word::flush;
    bool const of_backup = before == word::backup;
    found_.taken.named = found_.taken.named || now == word::get_lock;
    found_.given_back.named = found_.given_back.named || now == word::release_all_locks;
    bool const takes = (before == word::lock && now == word::table) ||
                       (flushes_ && before == word::read && now == word::lock) ||
                       (flushes_ && before == word::for_ && now == word::export_) ||
                       (of_backup && (now == word::stage || now == word::lock));
    bool const gives_back = (before == word::unlock && now == word::table) ||
                            (before == word::stage && now == word::end) ||
                            (of_backup && now == word::unlock);
    if (before == word::stage && now == word::end)
        found_.taken.tables = false; // BACKUP STAGE END was taken for a beginning
    found_.taken.tables = found_.taken.tables || takes;
    found_.given_back.tables = found_.given_back.tables || gives_back;
}

void sql_watch::read(byte_view text) {
    for (auto const each : text) {
        auto const letter = small(std::to_integer<char>(each));
        if (!is_letter(letter)) {
            if (count_ > 0)
                end_word();
            continue;
        }
        if (count_ < letters_.size())
            letters_[count_] = letter;
        if (count_ <= letters_.size())
            ++count_;
    }
}

lock_effect sql_watch::effect() const {
    sql_watch whole = *this;
    if (whole.count_ > 0)
        whole.end_word();
    return whole.found_;
}

bool is_validation(byte_view command) {
    if (command.empty())
        return false;
    auto const code = std::to_integer<std::uint8_t>(command[0]);
    if (code != wire::com_query)
        return code == wire::com_ping || code == wire::com_reset_connection;
    std::string text;
    for (auto const each : command.subspan(1)) {
        auto const letter = std::to_integer<char>(each);
        bool const blank = letter == ' ' || letter == ';' || letter == '\n';
        if (!blank)
            text += letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
        if (text.size() > 24)
            return false;
    }
    return text == "SELECT1" || text == "/*PING*/SELECT1" || text == "SELECT1FROMDUAL" ||
           text == "DO1" || text == "/*PING*/";
}

} // namespace tasuki::lb
