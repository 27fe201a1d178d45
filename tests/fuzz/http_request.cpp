// A request to the API: method, target and body, apart by line breaks. What is understood is within
// its bounds and changes nothing unless it is a POST; what is not gets an answer that can be read.
#include "fuzz.hpp"
#include "tasuki/http/api.hpp"

#include <boost/json.hpp>

namespace tasuki::fuzz {

namespace {

using namespace http;

void require_name(std::string_view text) {
    TASUKI_REQUIRE(text.size() <= 63);
    for (char const letter : text)
        TASUKI_REQUIRE((letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= 'a' && letter <= 'z') || letter == '.' || letter == '-' ||
                       letter == '_');
}

void require_bounds(auto const& wish) {
    if constexpr (requires { wish.group; })
        if constexpr (!requires { wish.group.has_value(); })
            require_name(wish.group);
    if constexpr (requires { wish.to; })
        require_name(wish.to);
    if constexpr (requires { wish.node; })
        require_name(wish.node);
    if constexpr (requires { wish.reason; }) {
        TASUKI_REQUIRE(wish.reason.size() <= 300);
        for (char const letter : wish.reason)
            TASUKI_REQUIRE(static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7f);
    }
    if constexpr (requires { wish.lasting; })
        TASUKI_REQUIRE(!wish.lasting ||
                       (*wish.lasting > milliseconds{0} && *wish.lasting <= std::chrono::days{7}));
    if constexpr (requires { wish.masters; })
        for (auto const& [group, node] : wish.masters) {
            require_name(group);
            require_name(node);
        }
}

void require_readable(api_error const& refused) {
    TASUKI_REQUIRE(refused.status >= 400 && refused.status < 500 && !refused.reason.empty());
    boost::system::error_code error;
    auto const document = boost::json::parse(error_response(refused).body, error);
    TASUKI_REQUIRE(!error && document.is_object());
    auto const& reason = document.at("error").at("reason").as_string();
    TASUKI_REQUIRE(reason.size() == refused.reason.size()); // what is no UTF-8 became "?"
}

} // namespace

void try_input(byte_view input) {
    auto const text = text_of(input);
    auto const method = text.substr(0, text.find('\n'));
    auto const rest = text.substr(std::min(method.size() + 1, text.size()));
    auto const target = rest.substr(0, rest.find('\n'));
    auto const request =
        route(method, target, rest.substr(std::min(target.size() + 1, rest.size())));
    if (!request)
        return require_readable(request.error());
    bool const changes = changes_something(*request);
    TASUKI_REQUIRE(changes == (method == "POST"));
    TASUKI_REQUIRE(forbidden(*request, caller{}, 0).has_value() == changes);
    TASUKI_REQUIRE(forbidden(*request, caller{true, 7, 7, 7}, 0).has_value() == changes);
    std::visit([](auto const& wish) { require_bounds(wish); }, *request);
}

} // namespace tasuki::fuzz
