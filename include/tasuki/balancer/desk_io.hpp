#pragma once
// Answers the API of a load balancer: what it is asked on its control socket.

#include "tasuki/balancer/balancer_io.hpp"
#include "tasuki/http/api.hpp"

#include <functional>
#include <string>

namespace tasuki::balancer {

class desk {
  public:
    using answer = std::function<void(http::api_response)>;
    /// What was done by command.
    using on_deed = std::function<void(http::pool_deed)>;
    desk(balancer& subject, std::string cluster, std::string node, on_deed);

    void serve(http::api_call const&, answer);

  private:
    [[nodiscard]] http::answerer signature() const;
    void respond(result<void> const& done, http::pool_deed, answer const&) const;
    void on(http::get_pools const&, answer);
    void on(http::get_sessions const&, answer);
    // These are signed by who asked.
    void on(http::post_backend const&, answer, std::string by);
    void on(http::post_backend_add const&, answer, std::string by);
    void on(http::post_backend_remove const&, answer, std::string by);

    balancer& subject_;
    std::string cluster_;
    std::string node_;
    on_deed told_;
};

} // namespace tasuki::balancer
