#pragma once
// The backends of one pool: those of the file and those that were added by command, what the
// operator wants of each, and what the checks say.
//
// What was wanted by command survives another file and another life of the process: it is a value
// (`pool_wishes`) that can be written down. A backend that the file has no more is gone, and what
// was wanted of it is forgotten; one that was added by command stays until it is removed by one.

#include "tasuki/core/result.hpp"
#include "tasuki/lb/backend.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::lb {

struct backend_wish {
    administration wanted = administration::ready;
    std::optional<unsigned> weight;
    friend bool operator==(backend_wish const&, backend_wish const&) = default;
};
/// All that commands have made different from the file.
struct pool_wishes {
    std::map<std::string, backend_wish> backends;
    std::vector<backend_settings> added;
    friend bool operator==(pool_wishes const&, pool_wishes const&) = default;
};

/// One command; what is not named stays.
struct backend_change {
    std::optional<administration> wanted;
    std::optional<unsigned> weight;
    std::optional<duration> deadline; ///< of a drain, from now; else that of the pool
};

/// What one process knows of a pool and leaves to the next, beside what was wanted by command.
struct roster_estate {
    struct known {
        std::string name;
        endpoint address;
        backend_state state;
        template<class Archive>
        void members(Archive& it) {
            it(name, address, state);
        }
    };
    std::string pool;
    group_standing standing;
    std::vector<known> backends;
    instant all_up_at = long_ago;
    bool own_fault = false;
    template<class Archive>
    void members(Archive& it) {
        it(pool, standing, backends, all_up_at, own_fault);
    }
};

class roster {
  public:
    roster(pool_settings const& configured, pool_wishes const&, instant now);

    /// Another file: who stays keeps its health and its drain.
    void configure(pool_settings const&, instant now);
    [[nodiscard]] result<void> change(std::string_view backend, backend_change const&, instant now);
    [[nodiscard]] result<void> add(backend_settings const&, instant now);
    [[nodiscard]] result<void> remove(std::string_view backend);

    /// True if the health of the backend has changed by it; its place may have, too.
    bool checked(std::string_view backend, check_result, instant now);
    /// A client's connection to it succeeded, or did not.
    void connected(std::string_view backend, bool good, instant now);
    /// What is known of the group that the pool follows; true if a backend's place has changed, or
    /// until when it may be used. Of another group it is no news.
    bool stand(group_standing const&, instant now);
    /// Time alone may end the master's lease; true as above.
    bool pass(instant now);
    /// Whose check is due; each is begun with that, and is not due again before its answer.
    [[nodiscard]] std::vector<backend_settings> take_due(instant now);
    /// When something is to be done without an event: a check, or another step of a slow start.
    [[nodiscard]] instant next(instant now) const;

    /// Configured and added ones, as the others are to see them.
    [[nodiscard]] pool_settings const& settings() const { return settings_; }
    [[nodiscard]] std::span<backend_state const> states() const { return states_; }
    [[nodiscard]] std::vector<unsigned> weights(instant now) const;
    /// What is known of the group that the pool follows.
    [[nodiscard]] group_standing const& standing() const { return standing_; }
    /// All went down at once: it is more likely us, and they are used all the same.
    [[nodiscard]] bool is_own_fault() const { return own_fault_; }
    [[nodiscard]] bool is_dead(std::size_t index) const;
    /// The end of the lease that lets it be used, of the master of a group that is followed.
    [[nodiscard]] instant usable_until(std::size_t index) const;
    [[nodiscard]] pool_wishes wishes() const;
    [[nodiscard]] roster_estate estate() const;
    /// What another process knew, of the backends that are still there.
    void adopt(roster_estate, instant now);
    [[nodiscard]] bool has(std::string_view backend) const { return find(backend).has_value(); }

  private:
    [[nodiscard]] std::optional<std::size_t> find(std::string_view backend) const;
    [[nodiscard]] backend_state new_state(backend_settings const&, instant now) const;
    void rebuild(instant now);
    void judge_all(instant now);
    bool place_all(instant now);

    pool_settings configured_;
    pool_settings settings_;
    std::vector<backend_settings> added_;
    group_standing standing_;
    std::vector<backend_state> states_;
    std::vector<bool> asked_;      ///< a check is under way
    instant all_up_at_ = long_ago; ///< the last time
    bool own_fault_ = false;
};

} // namespace tasuki::lb
