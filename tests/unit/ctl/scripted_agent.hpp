#pragma once
// Something that answers on a Unix socket with exactly the bytes a test wants, one connection after
// the other, and remembers what it was asked.

#include "tasuki/core/unique_fd_io.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tasuki::ctl {

inline std::string http_answer(int status, std::string const& body) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n\r\n" + body;
}

inline std::string event_answer(std::vector<std::string> const& documents) {
    std::string out = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                      "Connection: close\r\n\r\n";
    for (auto const& document : documents)
        out += "event: operation\ndata: " + document + "\n\n";
    return out;
}

class scripted_agent {
  public:
    /// Gets the request's first line and body, gives the bytes to send; empty: says nothing and
    /// keeps the connection open until the test ends.
    using script = std::function<std::string(std::string const& line, std::string const& body)>;

    explicit scripted_agent(script answers)
        : answers_(std::move(answers)) {
        char pattern[] = "/tmp/tasuki-ctl-XXXXXX";
        folder_ = ::mkdtemp(pattern);
        path = folder_ + "/control.sock";
        listener_.reset(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, path.c_str());
        ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        ::listen(listener_.get(), 16);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~scripted_agent() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
        std::filesystem::remove_all(folder_);
    }
    scripted_agent(scripted_agent const&) = delete;
    scripted_agent& operator=(scripted_agent const&) = delete;

    /// "GET /api/v1/status", "POST /api/v1/reload {}"
    [[nodiscard]] std::vector<std::string> asked() const {
        std::lock_guard const lock{guard_};
        return asked_;
    }

    std::string path;

  private:
    void serve() {
        std::vector<unique_fd> silent;
        while (true) {
            unique_fd peer{::accept(listener_.get(), nullptr, nullptr)};
            if (!peer)
                return;
            auto const request = read_request(peer.get());
            auto const line = request.substr(0, request.find(" HTTP/"));
            auto const body = request.substr(request.find("\r\n\r\n") + 4);
            {
                std::lock_guard const lock{guard_};
                asked_.push_back(body.empty() ? line : line + " " + body);
            }
            auto const answer = answers_(line, body);
            if (answer.empty())
                silent.push_back(std::move(peer));
            else
                ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    }

    static std::string read_request(int peer) {
        std::string out;
        std::size_t expected = std::string::npos;
        char buffer[4096];
        while (out.size() < expected) {
            auto const size = ::recv(peer, buffer, sizeof buffer, 0);
            if (size <= 0)
                break;
            out.append(buffer, static_cast<std::size_t>(size));
            auto const end = out.find("\r\n\r\n");
            if (end == std::string::npos)
                continue;
            auto const length = out.find("Content-Length: ");
            expected =
                end + 4 + (length == std::string::npos ? 0 : std::stoul(out.substr(length + 16)));
        }
        return out;
    }

    script answers_;
    std::string folder_;
    unique_fd listener_;
    mutable std::mutex guard_;
    std::vector<std::string> asked_;
    std::thread thread_;
};

} // namespace tasuki::ctl
