#pragma once
// The cluster's keys on this node: the file, and what is in force on the threads. Carries out what
// a rotation asks of this node; on the front thread only.
//
// The file is written first, then the keys are put in force, then it is confirmed: whatever breaks
// in between, a restart finds keys that are one sweep ahead at most. One order at a time; those of
// a second rotation are refused while the first one goes on.

#include "tasuki/agent/key_message.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/heartbeat/keys.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::agent {

/// So long after its last order a rotation keeps others out.
inline constexpr duration rotation_patience = std::chrono::seconds{10};

struct key_keeper_links {
    /// Puts the keys in force on all threads; calls back on this one when they are.
    std::function<void(heartbeat::keyring const&, std::function<void()>)> apply;
    /// With what the peers last signed to us; called back on this thread.
    std::function<void(std::function<void(std::vector<heard_key>)>)> heard;
    std::function<std::string(node_id)> name_of;
    std::function<void(std::string)> log;
    std::function<instant()> now;
};

class key_keeper {
  public:
    using answer = std::function<void(key_answer)>;

    key_keeper(node_id self, std::string path, heartbeat::keyring, key_keeper_links);

    void obey(node_id from, key_order const&, answer);

    /// What is in the file now, to be judged before it is loaded.
    [[nodiscard]] result<heartbeat::keyring> read() const;
    /// Puts it in force, unless a rotation goes on; `answer` may come at once.
    void load(heartbeat::keyring, answer);

    [[nodiscard]] key_report report() const;

  private:
    struct rotating {
        node_id by;
        instant since;
    };

    [[nodiscard]] std::optional<std::string> refusal(node_id from, key_order const&);
    /// The keys after the order, or why it cannot be carried out.
    [[nodiscard]] result<heartbeat::keyring> after(key_order const&) const;
    [[nodiscard]] result<heartbeat::keyring> with_new(key_order const&) const;
    void give(key_order const&, answer const&) const;
    void put_in_force(heartbeat::keyring, std::string why, answer);
    void tell(key_answer, answer const&) const;
    void refuse(std::string why, answer const&) const;

    node_id self_;
    std::string path_;
    heartbeat::keyring ring_; ///< in force
    key_keeper_links links_;
    std::optional<rotating> rotating_;
    std::optional<heartbeat::keyring> coming_; ///< on their way into force
};

} // namespace tasuki::agent
