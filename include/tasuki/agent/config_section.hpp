#pragma once
// Typed reading of one section of the file, with every complaint noted and none thrown.
//
// A reader remembers which keys it was asked for; `finish` calls all others unknown and names the
// nearest known one. A value that is wrong is noted once and replaced by its default, so that
// reading goes on and the user sees all errors at once. Places are kept by path, for example
// "group[0].members[1]", so that rules between sections can point at the key they are about.

#include "tasuki/agent/config_tree.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasuki::agent {

/// The errors, warnings and places of one parse.
class config_notes {
  public:
    explicit config_notes(std::string_view file)
        : file_(file) {}

    void error(config_position at, std::string text);
    /// At the path or, if the file does not have it, at the nearest section around it.
    void error_at(std::string_view path, std::string text) {
        error(place_of(path), std::move(text));
    }
    void warn_at(std::string_view path, std::string text);
    void keep_place(std::string path, config_position at) { places_[std::move(path)] = at; }
    [[nodiscard]] config_position place_of(std::string_view path) const;

    [[nodiscard]] std::size_t error_count() const { return errors_.size(); }
    /// In the order of the file.
    [[nodiscard]] std::vector<config_notice> errors() const;
    [[nodiscard]] std::vector<config_notice> warnings() const;

  private:
    std::string file_;
    std::vector<config_notice> errors_;
    std::vector<config_notice> warnings_;
    std::map<std::string, config_position, std::less<>> places_;
};

struct integer_range {
    std::int64_t least;
    std::int64_t most;
    std::int64_t otherwise;
};

template<class Enum>
using word_list = std::vector<std::pair<std::string_view, Enum>>;

/// Which section, for the reader and for the words of its complaints.
struct section_name {
    std::string path;  ///< "group[0].mysql"
    std::string title; ///< `[group.mysql] of group "db"`
};

class section_reader {
  public:
    section_reader(config_notes& notes, config_table const& table, section_name name);

    [[nodiscard]] config_value const* find(std::string_view key);
    /// As `find`, but the lack of the key is an error.
    [[nodiscard]] config_value const* need(std::string_view key);

    [[nodiscard]] std::optional<std::string> text(std::string_view key);
    [[nodiscard]] std::string text(std::string_view key, std::string_view otherwise);
    [[nodiscard]] std::string needed_text(std::string_view key);
    [[nodiscard]] std::string needed_name(std::string_view key);
    /// An absolute path, perhaps with {node}.
    [[nodiscard]] std::string path(std::string_view key, std::string_view otherwise);
    [[nodiscard]] std::string needed_path(std::string_view key);
    [[nodiscard]] std::int64_t integer(std::string_view key, integer_range);
    [[nodiscard]] milliseconds ms(std::string_view key, integer_range range) {
        return milliseconds{integer(key, range)};
    }
    [[nodiscard]] double number(std::string_view key, double least, double most, double otherwise);
    [[nodiscard]] bool flag(std::string_view key, bool otherwise);
    [[nodiscard]] std::optional<endpoint> listen(std::string_view key);
    [[nodiscard]] std::vector<std::string> texts(std::string_view key, bool may_be_empty = true);
    /// A table of free keys with strings.
    [[nodiscard]] std::map<std::string, std::string> texts_by_name(std::string_view key);
    [[nodiscard]] config_table const* table(std::string_view key);
    /// The tables of [[key]]; anything else is noted.
    [[nodiscard]] std::vector<config_value const*> tables(std::string_view key);

    template<class Enum>
    [[nodiscard]] Enum word(std::string_view key, word_list<Enum> const& words, Enum otherwise) {
        auto const found = text(key);
        if (!found)
            return otherwise;
        std::vector<std::string_view> known;
        for (auto const& [word, value] : words) {
            if (word == *found)
                return value;
            known.push_back(word);
        }
        unknown_word(key, *found, known);
        return otherwise;
    }

    void finish();
    /// An error about a key's value, where the value stands.
    void wrong(std::string_view key, std::string text);
    [[nodiscard]] std::string path_of(std::string_view key) const;
    [[nodiscard]] std::string const& title() const { return name_.title; }
    [[nodiscard]] config_notes& notes() { return notes_; }

  private:
    std::optional<std::string> text_of(std::string_view key, config_value const&);
    void wrong_kind(std::string_view key, config_value const&, std::string_view expected);
    void unknown_word(std::string_view key, std::string_view word,
                      std::vector<std::string_view> const& known);
    void check_path(std::string_view key, std::string const& path);

    config_notes& notes_;
    config_table const& table_;
    section_name name_;
    std::set<std::string, std::less<>> known_;
};

/// The word nearest to a mistyped one, or empty if none is near.
[[nodiscard]] std::string_view nearest_word(std::string_view typed,
                                            std::vector<std::string_view> const& words);
/// Says why a text is no name of a cluster, node or group; empty if it is one.
[[nodiscard]] std::string fault_of_name(std::string_view name);
/// Says why a text is no name of a network interface; empty if it is one.
[[nodiscard]] std::string fault_of_interface(std::string_view name);

} // namespace tasuki::agent
