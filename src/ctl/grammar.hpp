#pragma once
// The words of the command line, each with what it makes. Private to the room.

#include "tasuki/ctl/arguments.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::ctl {

/// Empty if it is a duration.
[[nodiscard]] std::string duration_error(std::string const& text);

class grammar {
  public:
    grammar();
    std::variant<command_line, early_end> parse(std::vector<std::string> arguments);
    [[nodiscard]] CLI::App const& app() const { return app_; }

  private:
    CLI::App* add(std::string const& name, std::string const& help, std::function<verb()> make,
                  CLI::App* parent = nullptr);
    void add_views();
    void add_operations();
    void add_maintenance();
    void add_voters();
    void add_keys();
    void add_balancer();
    void add_backend_verbs(CLI::App* lb);
    void add_setup();
    void option_group(CLI::App* to, bool required);
    CLI::Option* option_for(CLI::App* to);
    void option_reason(CLI::App* to, bool required);
    void option_confirm(CLI::App* to);
    [[nodiscard]] std::optional<std::int64_t> lasting() const;
    [[nodiscard]] std::map<std::string, std::string> masters() const;
    [[nodiscard]] std::optional<early_end>
    unknown_verb(std::vector<std::string> const& arguments) const;

    CLI::App app_{"tasuki: high availability for virtual IPs and MySQL, on the command line",
                  "tasuki"};
    command_line out_;
    bool watch_ = false;
    bool dry_run_ = false;
    bool allow_loss_ = false;
    bool force_ = false;
    bool json_ = false;
    std::string group_;
    std::string node_;
    std::string to_;
    std::string for_;
    std::string wait_ = "2m";
    std::string output_ = "table";
    std::string file_;
    std::string shell_;
    std::string kind_;
    std::optional<std::uint64_t> id_;
    std::uint64_t limit_ = 20;
    std::vector<std::string> masters_;
    std::string pool_;
    std::string backend_;
    std::string address_;
    std::string deadline_;
    std::optional<unsigned> weight_;
    bool waits_ = false;
};

} // namespace tasuki::ctl
