#pragma once
// What the groups of a node say to its peers in one call, gathered into as few datagrams as hold
// it. The entries to one peer keep their order, and each lies whole in one datagram.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/election/message.hpp"
#include "tasuki/heartbeat/message.hpp"

#include <algorithm>
#include <vector>

namespace tasuki::agent {

class outbox {
  public:
    struct letter {
        node_id to;
        byte_writer text; ///< at most `heartbeat::payload_bytes_max` bytes
    };

    void put(node_id to, election::entry const& what) {
        entry_.clear();
        encode(what, entry_);
        auto const last = std::find_if(letters_.rbegin(), letters_.rend(),
                                       [&](letter const& each) { return each.to == to; });
        bool const fits = last != letters_.rend() &&
                          last->text.size() + entry_.size() <= heartbeat::payload_bytes_max;
        auto& target = fits ? *last : letters_.emplace_back(letter{to, byte_writer{}});
        target.text.append(entry_.view());
    }
    [[nodiscard]] std::vector<letter>& letters() { return letters_; }

  private:
    byte_writer entry_; ///< only its room is kept from one call to the next
    std::vector<letter> letters_;
};

} // namespace tasuki::agent
