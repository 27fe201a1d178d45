// fuzz_seeds FOLDER   writes FOLDER/TARGET/seed_NAME for every target.
#include "seeds.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>

int main(int count, char** arguments) {
    if (count != 2) {
        std::cerr << "usage: fuzz_seeds FOLDER\n";
        return 2;
    }
    namespace fuzz = tasuki::fuzz;
    fuzz::seeds all;
    for (auto const add :
         {fuzz::add_heartbeats, fuzz::add_elections, fuzz::add_kernel_and_lan, fuzz::add_mysql,
          fuzz::add_requests, fuzz::add_channel, fuzz::add_keys, fuzz::add_inheritance,
          fuzz::add_guard_and_slots, fuzz::add_balanced_sessions})
        add(all);
    for (auto const& each : all) {
        auto const folder = std::filesystem::path{arguments[1]} / each.target;
        std::filesystem::create_directories(folder);
        std::ofstream out{folder / ("seed_" + each.name), std::ios::binary};
        out.write(reinterpret_cast<char const*>(each.bytes.data()),
                  static_cast<std::streamsize>(each.bytes.size()));
        if (!out)
            return 1;
    }
    std::cout << all.size() << " seeds\n";
    return 0;
}
