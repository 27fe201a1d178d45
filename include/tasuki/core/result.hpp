#pragma once
// How the environment fails: `result<T>` holds a value or a `problem`.
//
// A problem names the place and the remedy in one sentence for an operator, and carries a kind for
// the code that decides. Exceptions never cross a room.

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace tasuki {

enum class failure {
    invalid,       ///< the input is malformed or violates a rule
    not_permitted, ///< a privilege, file mode or grant is missing
    absent,        ///< a file, interface, address or server is not there
    unavailable,   ///< the other side does not answer or refuses now
    timed_out,     ///< a bound ran out; the effect is unknown
    refused,       ///< a rule of ours forbids it; nothing was changed
    conflict,      ///< somebody else holds what we want
    exhausted,     ///< disk, memory, descriptors or a limit of ours
    broken,        ///< anything else that the system reported
};

[[nodiscard]] std::string_view to_string(failure);

struct problem {
    failure kind = failure::broken;
    std::string text;
    friend bool operator==(problem const&, problem const&) = default;
};

/// `place: reason of errno (remedy)`, with the kind derived from the number.
[[nodiscard]] problem problem_of_errno(int number, std::string place);

[[noreturn]] inline void throw_exception_from_error(problem const& cause,
                                                    boost::source_location const&) {
    throw std::runtime_error(cause.text);
}

template<class T>
using result = boost::system::result<T, problem>;

} // namespace tasuki
