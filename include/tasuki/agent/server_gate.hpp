#pragma once
// Until when clients outside the cluster may reach a node's own server, under whatever address.
//
// A server that may accept writes is open to them no longer than the lease holds. It is open again
// when it is verified to be closed to writes, or dead. What a former life of the agent has left is
// not known before it was read once, unless that life has handed on what it knew. A server of a
// group that nobody has founded is nobody's business.

#include "tasuki/core/time.hpp"
#include "tasuki/mysql/facts.hpp"

namespace tasuki::agent {

class server_gate {
  public:
    /// It is told to accept writes, or may have been: what was read before says nothing any more.
    void opened(instant now);
    void read(mysql::server_facts const&);
    /// Its process has ended.
    void ended();
    /// The program before this one knew it to be closed: so it is until something else is read.
    void inherited_closed() { seen_ = closed_ = true; }

    struct lease {
        bool ours = false;     ///< held here, or being given up
        bool writable = false; ///< the server may accept writes, as far as is known
        instant hard = long_ago;
    };
    [[nodiscard]] instant until(lease const&) const;

  private:
    bool seen_ = false;
    bool alive_ = false;  ///< seen, and its process has not ended since
    bool closed_ = false; ///< as it was read last, since it was opened
    instant opened_at_ = long_ago;
};

} // namespace tasuki::agent
