#include "tasuki/guard/wire_io.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace tasuki::guard {

namespace {

/// Room for one descriptor beside the bytes.
union control_room {
    cmsghdr header;
    std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

result<sockaddr_un> address_of(std::string const& path) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    if (path.size() >= sizeof out.sun_path)
        return problem{failure::invalid, path + " is too long for a socket (" +
                                             std::to_string(sizeof out.sun_path - 1) +
                                             " bytes at most): choose a shorter runtime_dir"};
    std::memcpy(out.sun_path, path.data(), path.size());
    return out;
}

result<unique_fd> open_socket() {
    unique_fd socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket)
        return problem_of_errno(errno, "a socket between agent and guardian");
    return socket;
}

} // namespace

int send_parcel(int socket, byte_view bytes, int with) {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    control_room control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (with >= 0) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        auto* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &with, sizeof with);
    }
    return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

result<std::optional<parcel>> receive_parcel(int socket, std::size_t bytes_max) {
    parcel out;
    out.bytes.resize(bytes_max);
    iovec part{out.bytes.data(), out.bytes.size()};
    control_room control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    auto const got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return std::optional<parcel>{};
    // Whoever ends with bytes of ours unread resets the connection: that is its end, too.
    if (got < 0 && errno != ECONNRESET)
        return problem_of_errno(errno, "the socket between agent and guardian");
    for (auto* header = CMSG_FIRSTHDR(&message); got >= 0 && header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        int descriptor = -1;
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
            header->cmsg_len != CMSG_LEN(sizeof descriptor))
            continue;
        std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
        out.with.reset(descriptor);
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return problem{failure::invalid, "a message between agent and guardian is too long"};
    out.bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return std::optional{std::move(out)};
}

result<shared_page> shared_page::make() {
    unique_fd memory{::memfd_create("tasuki-deadlines", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!memory)
        return problem_of_errno(errno, "memory for the deadlines");
    if (::ftruncate(memory.get(), sizeof(deadline_page)) != 0)
        return problem_of_errno(errno, "memory for the deadlines");
    // A page that shrinks would end whoever reads it.
    if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return problem_of_errno(errno, "sealing the memory for the deadlines");
    return open(std::move(memory));
}

result<void> shared_page::check(int memory) {
    struct stat status {};
    if (::fstat(memory, &status) != 0)
        return problem_of_errno(errno, "the page of deadlines");
    if (status.st_size != static_cast<off_t>(sizeof(deadline_page)))
        return problem{failure::invalid, "the page of deadlines has another size: agent and "
                                         "guardian must be of the same version"};
    return {};
}

result<shared_page> shared_page::open(unique_fd memory) {
    if (auto const fits = check(memory.get()); !fits)
        return fits.error();
    void* const at = ::mmap(nullptr, sizeof(deadline_page), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_POPULATE, memory.get(), 0);
    if (at == MAP_FAILED)
        return problem_of_errno(errno, "mapping the page of deadlines");
    return shared_page{std::move(memory), std::launder(static_cast<deadline_page*>(at))};
}

shared_page::shared_page(unique_fd memory, deadline_page* page)
    : memory_(std::move(memory))
    , page_(page) {}
shared_page::shared_page(shared_page&& other) noexcept
    : memory_(std::move(other.memory_))
    , page_(std::exchange(other.page_, nullptr)) {}
shared_page& shared_page::operator=(shared_page&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(page_, other.page_);
    return *this;
}
shared_page::~shared_page() {
    if (page_ != nullptr)
        ::munmap(page_, sizeof(deadline_page));
}

std::string socket_path(std::string const& runtime_dir) {
    return runtime_dir + "/guard.sock";
}

result<unique_fd> listen_at(std::string const& path) {
    auto const address = address_of(path);
    if (!address)
        return address.error();
    if (auto const other = connect_to(path); other)
        return problem{failure::conflict,
                       "another tasuki-guard listens at " + path + ": one is enough for a node"};
    auto socket = open_socket();
    if (!socket)
        return socket.error();
    ::unlink(path.c_str()); // of one that was killed
    auto const old_mask = ::umask(0177);
    int const bound =
        ::bind(socket->get(), reinterpret_cast<sockaddr const*>(&*address), sizeof *address);
    int const number = errno;
    ::umask(old_mask);
    if (bound != 0)
        return problem_of_errno(number, path);
    if (::listen(socket->get(), 4) != 0)
        return problem_of_errno(errno, path);
    return socket;
}

result<unique_fd> connect_to(std::string const& path) {
    auto const address = address_of(path);
    if (!address)
        return address.error();
    auto socket = open_socket();
    if (!socket)
        return socket.error();
    if (::connect(socket->get(), reinterpret_cast<sockaddr const*>(&*address), sizeof *address) !=
        0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            return problem{failure::absent, "no tasuki-guard listens at " + path};
        return problem_of_errno(errno, path);
    }
    return socket;
}

} // namespace tasuki::guard
