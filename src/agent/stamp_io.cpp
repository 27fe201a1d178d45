#include "tasuki/agent/stamp_io.hpp"

#include "tasuki/agent/folder_io.hpp"
#include "tasuki/agent/slot.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>

namespace tasuki::agent {

namespace {

// Words of the machine's own order: the page never leaves this kernel.
constexpr std::uint64_t page_magic = 0x5453'4b47'5241'4e01; // "TSKGRAN", form 1
constexpr std::size_t words_per_copy = 8;

/// sequence, group and holder, epoch, life, expiry, two words of checksum, one unused.
using copy_words = std::array<std::uint64_t, words_per_copy>;

struct page_header {
    std::uint64_t magic;
    boot_id boot;
    std::uint64_t vouched; ///< `vouched_mark` once the page knows every live grant
    std::array<std::uint64_t, 4> unused;
};
constexpr std::uint64_t vouched_mark = 0x766f'7563'6865'6421;

struct page_layout {
    page_header header;
    std::array<std::array<copy_words, 2>, stamp_groups_max> places;
};
static_assert(sizeof(page_header) == 64);
static_assert(std::is_trivially_copyable_v<page_layout>);

void store(std::uint64_t& word, std::uint64_t value) {
    std::atomic_ref<std::uint64_t>{word}.store(value, std::memory_order_release);
}

/// Over the content and the boot, so that no stamp of an earlier boot can pass.
std::array<std::uint64_t, 2> checksum_of_copy(copy_words const& words, boot_id const& boot) {
    std::array<std::byte, 5 * 8 + sizeof(boot_id)> bytes{};
    std::memcpy(bytes.data(), words.data(), 40);
    std::memcpy(bytes.data() + 40, boot.data(), boot.size());
    return std::bit_cast<std::array<std::uint64_t, 2>>(checksum_of(bytes));
}

copy_words encode(std::uint64_t sequence, group_id group, grant_stamp const& stamp,
                  boot_id const& boot) {
    copy_words words{sequence,
                     std::uint64_t{group.value()} << 32U | stamp.holder.value(),
                     stamp.granted.value(),
                     stamp.life.value(),
                     static_cast<std::uint64_t>(stamp.expires.time_since_epoch().count()),
                     0,
                     0,
                     0};
    auto const sum = checksum_of_copy(words, boot);
    words[5] = sum[0];
    words[6] = sum[1];
    return words;
}

struct decoded_copy {
    std::uint64_t sequence;
    group_id group;
    grant_stamp stamp;
};

std::optional<decoded_copy> decode(copy_words const& words, boot_id const& boot) {
    auto const sum = checksum_of_copy(words, boot);
    if (words[0] == 0 || words[5] != sum[0] || words[6] != sum[1])
        return std::nullopt;
    return decoded_copy{words[0], group_id{static_cast<std::uint32_t>(words[1] >> 32U)},
                        grant_stamp{epoch{words[2]},
                                    node_id{static_cast<std::uint32_t>(words[1] & 0xffff'ffffU)},
                                    incarnation{words[3]},
                                    instant{duration{static_cast<duration::rep>(words[4])}}}};
}

bool is_blank(copy_words const& words) {
    return std::all_of(words.begin(), words.end(), [](auto word) { return word == 0; });
}

int hex_digit(char letter) {
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/// 32 hexadecimal digits, with dashes anywhere between them.
std::optional<boot_id> parse_boot_id(std::string_view text) {
    boot_id out{};
    std::size_t digits = 0;
    for (char const letter : text) {
        if (letter == '-' || letter == '\n')
            continue;
        int const digit = hex_digit(letter);
        if (digit < 0 || digits == 2 * out.size())
            return std::nullopt;
        auto& octet = out[digits++ / 2];
        octet = octet << 4 | static_cast<std::byte>(digit);
    }
    return digits == 2 * out.size() ? std::optional{out} : std::nullopt;
}

} // namespace

class stamp_page::mapping {
  public:
    mapping(unique_fd file, page_layout* page, boot_id const& boot)
        : file_(std::move(file))
        , page_(page)
        , boot_(boot) {}
    mapping(mapping const&) = delete;
    mapping& operator=(mapping const&) = delete;
    ~mapping() { ::munmap(page_, sizeof(page_layout)); }

    std::optional<std::map<group_id, grant_stamp>> load() {
        std::map<group_id, grant_stamp> out;
        if (page_->header.magic == page_magic && page_->header.boot == boot_ &&
            page_->header.vouched == vouched_mark && load_places(out))
            return out;
        clear();
        return std::nullopt;
    }

    bool put(group_id group, grant_stamp const& stamp) {
        std::size_t at = 0;
        while (at < used_ && groups_[at] != group)
            ++at;
        if (at == stamp_groups_max)
            return false;
        auto const sequence = sequences_[at] + 1;
        auto const words = encode(sequence, group, stamp, boot_);
        auto& place = page_->places[at][sequence % 2];
        for (std::size_t word = 0; word < words.size(); ++word)
            store(place[word], words[word]);
        groups_[at] = group;
        sequences_[at] = sequence;
        used_ = std::max(used_, at + 1);
        return true;
    }

    void vouch() { store(page_->header.vouched, vouched_mark); }

  private:
    /// False if a stamp that was complete can no longer be read.
    bool load_places(std::map<group_id, grant_stamp>& out) {
        for (std::size_t at = 0; at < stamp_groups_max; ++at) {
            auto const& [even, odd] = page_->places[at];
            auto first = decode(even, boot_);
            auto const second = decode(odd, boot_);
            if (!first && !second) {
                // A torn first put leaves one copy untouched; two spoilt ones are damage.
                if (!is_blank(even) && !is_blank(odd))
                    return false;
                break;
            }
            if (!first || (second && second->sequence > first->sequence))
                first = second;
            groups_[at] = first->group;
            sequences_[at] = first->sequence;
            used_ = at + 1;
            out.insert_or_assign(first->group, first->stamp);
        }
        return true;
    }

    void clear() {
        used_ = 0;
        groups_ = {};
        sequences_ = {};
        store(page_->header.vouched, 0);
        std::memset(page_, 0, sizeof(page_layout));
        page_->header.boot = boot_;
        store(page_->header.magic, page_magic);
    }

    unique_fd file_;
    page_layout* page_;
    boot_id boot_;
    std::size_t used_ = 0;
    std::array<group_id, stamp_groups_max> groups_{};
    std::array<std::uint64_t, stamp_groups_max> sequences_{};
};

stamp_page::stamp_page(std::unique_ptr<mapping> mapped)
    : mapped_(std::move(mapped))
    , loaded_(mapped_->load()) {}
stamp_page::~stamp_page() = default;

result<std::unique_ptr<stamp_page>> stamp_page::open(std::string const& folder,
                                                     boot_id const& boot) {
    std::string const name = "grants";
    auto const opened = open_private_folder(folder);
    if (!opened)
        return opened.error();
    unique_fd file{::openat(opened->get(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                            S_IRUSR | S_IWUSR)};
    if (!file)
        return disk_problem(errno, "cannot open", folder, name);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
        return problem{failure::conflict, "another tasukid uses " + folder + "/" + name +
                                              " (stop it, or give this one its own folder)"};
    // Without its memory the page would end the agent with SIGBUS at the first put.
    if (int const error = ::posix_fallocate(file.get(), 0, sizeof(page_layout)); error != 0)
        return disk_problem(error, "cannot reserve", folder, name);
    void* const memory = ::mmap(nullptr, sizeof(page_layout), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_POPULATE, file.get(), 0);
    if (memory == MAP_FAILED)
        return disk_problem(errno, "cannot map", folder, name);
    auto mapped =
        std::make_unique<mapping>(std::move(file), static_cast<page_layout*>(memory), boot);
    return std::unique_ptr<stamp_page>{new stamp_page{std::move(mapped)}};
}

bool stamp_page::put(group_id group, grant_stamp const& stamp) {
    return mapped_->put(group, stamp);
}

void stamp_page::vouch() {
    mapped_->vouch();
}

result<boot_id> read_boot_id(std::string const& path) {
    unique_fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file)
        return problem_of_errno(errno, "cannot open " + path + " (mount /proc)");
    std::array<char, 64> text{};
    auto const length = ::read(file.get(), text.data(), text.size());
    if (length < 0)
        return problem_of_errno(errno, "cannot read " + path);
    auto const parsed = parse_boot_id({text.data(), static_cast<std::size_t>(length)});
    if (!parsed)
        return problem{failure::invalid, path + " holds no boot id"};
    return *parsed;
}

incarnation draw_incarnation() {
    std::uint64_t value = 0;
    while (value == 0)
        randombytes_buf(&value, sizeof value);
    return incarnation{value};
}

} // namespace tasuki::agent
