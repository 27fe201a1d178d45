#include "tasuki/core/result.hpp"

#include <cerrno>
#include <cstring>

namespace tasuki {

namespace {

failure kind_of_errno(int number) {
    switch (number) {
    case EPERM:
    case EACCES:
        return failure::not_permitted;
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EADDRNOTAVAIL:
        return failure::absent;
    case ECONNREFUSED:
    case ECONNRESET:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EPIPE:
        return failure::unavailable;
    case ETIMEDOUT:
        return failure::timed_out;
    case EADDRINUSE:
    case EEXIST:
        return failure::conflict;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
        return failure::exhausted;
    case EINVAL:
        return failure::invalid;
    default:
        return failure::broken;
    }
}

} // namespace

std::string_view to_string(failure kind) {
    switch (kind) {
    case failure::invalid:
        return "invalid";
    case failure::not_permitted:
        return "not_permitted";
    case failure::absent:
        return "absent";
    case failure::unavailable:
        return "unavailable";
    case failure::timed_out:
        return "timed_out";
    case failure::refused:
        return "refused";
    case failure::conflict:
        return "conflict";
    case failure::exhausted:
        return "exhausted";
    case failure::broken:
        return "broken";
    }
    return "broken";
}

problem problem_of_errno(int number, std::string place) {
    return {kind_of_errno(number), std::move(place) + ": " + std::strerror(number)};
}

} // namespace tasuki
