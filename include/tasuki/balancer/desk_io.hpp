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
    desk(balancer& subject, std::string cluster, std::string node);

    void serve(http::api_call const&, answer);

  private:
    [[nodiscard]] http::answerer signature() const;
    void respond(result<void> const& done, answer const&) const;
    void on(http::get_pools const&, answer);
    void on(http::get_sessions const&, answer);
    void on(http::post_backend const&, answer);
    void on(http::post_backend_add const&, answer);
    void on(http::post_backend_remove const&, answer);

    balancer& subject_;
    std::string cluster_;
    std::string node_;
};

} // namespace tasuki::balancer
