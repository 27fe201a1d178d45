#pragma once
// In which order a list of effects and what comes of it reach the world and the node.
//
// An effect may have its result at once: the address is here now, or it is not. That result is told
// to the node only after the whole list has been carried out, and results are told in the order in
// which they were found. So what was decided first is done first: neither an older order to wake up
// nor an older order to open an address can come after a newer one. Simulations keep this order
// too.

#include "tasuki/agent/effect.hpp"
#include "tasuki/agent/happening.hpp"

#include <deque>
#include <functional>
#include <utility>
#include <vector>

namespace tasuki::agent {

class lease_turns {
  public:
    using act_function = std::function<void(effect&)>;
    using handle_function = std::function<std::vector<effect>(happening const&)>;

    lease_turns(handle_function handle, act_function act)
        : handle_(std::move(handle))
        , act_(std::move(act)) {}

    /// Not from inside an effect: that is what `found` is for.
    void happen(happening const&);
    void carry_out(std::vector<effect>);
    /// The result of the effect that is being carried out.
    void found(happening what) { found_.push_back(std::move(what)); }

  private:
    handle_function handle_;
    act_function act_;
    std::deque<happening> found_;
    bool telling_ = false;
};

} // namespace tasuki::agent
