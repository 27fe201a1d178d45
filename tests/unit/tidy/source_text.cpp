#include "source_text.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace tidy {

namespace {

bool is_word(char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
}

/// Finds the end (one past it) of the comment or literal at `at`, or `at` if none begins there.
std::size_t end_of_blank(std::string_view text, std::size_t at) {
    auto const past = [&](std::string_view end, std::size_t from) {
        auto const found = text.find(end, from);
        return found == std::string_view::npos ? text.size() : found + end.size();
    };
    auto const rest = text.substr(at);
    if (rest.starts_with("//"))
        return std::min(text.find('\n', at), text.size());
    if (rest.starts_with("/*"))
        return past("*/", at + 2);
    if (rest.starts_with("R\"") && (at == 0 || !is_word(text[at - 1]))) {
        auto const open = text.find('(', at);
        if (open == std::string_view::npos)
            return text.size();
        return past(")" + std::string{text.substr(at + 2, open - at - 2)} + "\"", open);
    }
    bool const is_separator = rest[0] == '\'' && at > 0 && is_word(text[at - 1]);
    if ((rest[0] != '"' && rest[0] != '\'') || is_separator)
        return at;
    for (auto next = at + 1; next < text.size(); ++next) {
        if (text[next] == '\\')
            ++next;
        else if (text[next] == rest[0] || text[next] == '\n')
            return next + 1;
    }
    return text.size();
}

/// What stands in front of an opening brace, without access specifiers and template parameters.
std::string plain_head(std::string_view head) {
    static std::regex const prefix{R"(^\s*((public|private|protected)\s*:|#[^\n]*\n|\[\[\w+\]\]))"};
    std::string out{head};
    for (std::smatch found; std::regex_search(out, found, prefix);)
        out = found.suffix();
    auto const start = out.find_first_not_of(" \t\n");
    if (start == std::string::npos || !out.substr(start).starts_with("template"))
        return out;
    int depth = 0;
    for (auto at = out.find('<'); at < out.size(); ++at) {
        depth += out[at] == '<' ? 1 : out[at] == '>' ? -1 : 0;
        if (depth == 0)
            return plain_head(out.substr(at + 1));
    }
    return out;
}

enum class block { scope, function, other };

block kind_of(std::string_view head) {
    static std::regex const opens_scope{
        R"(^\s*(inline\s+)?(namespace|class|struct|union|enum|extern)\b)"};
    auto const plain = plain_head(head);
    bool const has_parameters = plain.find(')') != std::string::npos;
    if (std::regex_search(plain, opens_scope) && !has_parameters)
        return block::scope;
    auto const last = plain.find_last_not_of(" \t\n");
    bool const is_value = last != std::string::npos && (plain[last] == '=' || plain[last] == ',');
    return has_parameters && !is_value ? block::function : block::other;
}

} // namespace

std::string blanked(std::string_view text) {
    std::string out{text};
    for (std::size_t at = 0; at < text.size();) {
        auto const end = end_of_blank(text, at);
        if (end == at) {
            ++at;
            continue;
        }
        for (; at < end; ++at)
            if (out[at] != '\n')
                out[at] = ' ';
    }
    return out;
}

source source_of(std::string path, std::string text) {
    auto code = blanked(text);
    return {std::move(path), std::move(text), std::move(code)};
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        auto const end = text.find('\n');
        out.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return out;
}

std::size_t line_at(std::string_view text, std::size_t offset) {
    auto const head = text.substr(0, offset);
    return static_cast<std::size_t>(std::count(head.begin(), head.end(), '\n')) + 1;
}

std::vector<function_body> functions_of(std::string_view code) {
    std::vector<function_body> out;
    std::vector<block> open;
    std::size_t head = 0;   // where the text in front of the next brace begins
    std::size_t begin = 0;  // of the function that is open
    std::size_t inside = 0; // blocks open since a function or value began
    for (std::size_t at = 0; at < code.size(); ++at) {
        if (code[at] == '{') {
            if (inside == 0) {
                open.push_back(kind_of(code.substr(head, at - head)));
                begin = std::min(code.find_first_not_of(" \t\n", head), at);
            }
            if (inside > 0 || open.back() != block::scope)
                ++inside;
            head = inside > 0 ? head : at + 1;
        } else if (code[at] == '}') {
            if (inside > 0 && --inside > 0)
                continue;
            if (open.empty())
                continue;
            if (open.back() == block::function) {
                auto const first = line_at(code, begin);
                out.push_back({first, line_at(code, at) - first + 1});
            }
            // `a_{1}` in a constructor's list belongs to the head of its body.
            head = open.back() == block::other ? head : at + 1;
            open.pop_back();
        } else if (code[at] == ';' && inside == 0) {
            head = at + 1;
        }
    }
    return out;
}

std::vector<source> read_sources(std::string const& project,
                                 std::vector<std::string> const& folders,
                                 std::vector<std::string> const& endings) {
    namespace fs = std::filesystem;
    std::vector<source> out;
    for (auto const& folder : folders) {
        if (!fs::exists(project + "/" + folder))
            continue;
        for (auto const& entry : fs::recursive_directory_iterator{project + "/" + folder}) {
            auto const path = fs::relative(entry.path(), project).string();
            bool const wanted =
                std::any_of(endings.begin(), endings.end(),
                            [&](auto const& ending) { return path.ends_with(ending); });
            if (!entry.is_regular_file() || !wanted)
                continue;
            std::ostringstream text;
            text << std::ifstream{entry.path()}.rdbuf();
            out.push_back(source_of(path, text.str()));
        }
    }
    std::sort(out.begin(), out.end(),
              [](auto const& left, auto const& right) { return left.path < right.path; });
    return out;
}

} // namespace tidy
