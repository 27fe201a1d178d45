#pragma once
// One visitor out of several lambdas, for the closed variants of events and commands.

namespace tasuki {

template<class... Visitors>
struct overloaded : Visitors... {
    using Visitors::operator()...;
};
template<class... Visitors>
overloaded(Visitors...) -> overloaded<Visitors...>;

} // namespace tasuki
