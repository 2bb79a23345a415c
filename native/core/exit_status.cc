#include "exit_status.h"
#include "pidfd.h"

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>

namespace {

// ioctl_pidfd(2): since Linux 6.13, the exit status since 6.15; the headers of the build may be older.
struct PidfdInfo {
    uint64_t mask, cgroupid;
    uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);
constexpr uint64_t kPidfdInfoExit = 1u << 3;
static_assert(sizeof(PidfdInfo) == 64);

bool pidfds_tell_exits() {
    utsname name;
    int major = 0, minor = 0;
    if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
    return major > 6 || (major == 6 && minor >= 15);
}

// Once the process is reaped, its pidfd gives the status.
bool ask_pidfd(const Fd &pidfd, int *wait_status) {
    PidfdInfo info = {};
    info.mask = kPidfdInfoExit;
    if (ioctl(pidfd.get(), kPidfdGetInfo, &info) < 0 || (info.mask & kPidfdInfoExit) == 0) return false;
    *wait_status = info.exit_code;
    return true;
}

// Before it is reaped, the last field of /proc/PID/stat is the status, see proc(5). If the pidfd can be signalled after
// the read, the pid was still the one of this process during the read.
bool ask_zombie(const Fd &pidfd, pid_t pid, int *wait_status) {
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = file.valid() ? read(file.get(), text, sizeof text - 1) : -1;
    if (n <= 0) return false;
    text[n] = 0;
    const char *state = strrchr(text, ')');
    const char *last = strrchr(text, ' ');
    if (state == nullptr || last == nullptr || strncmp(state, ") Z", 3) != 0) return false;
    *wait_status = atoi(last + 1);
    return signal_process(pidfd, 0) == 0;
}

// Offsets in the messages of the kernel. A socket filter loads the numbers there in network byte order.
constexpr uint32_t kEventAt = NLMSG_HDRLEN + sizeof(cn_msg);
constexpr uint32_t kWhatAt = kEventAt + offsetof(proc_event, what);
constexpr uint32_t kPidAt = kEventAt + offsetof(proc_event, event_data.exit.process_pid);
constexpr uint32_t kTgidAt = kEventAt + offsetof(proc_event, event_data.exit.process_tgid);

// Drops all events but the exits of whole processes: a busy host has many others.
bool filter_exits(int socket) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kWhatAt),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(proc_event::PROC_EVENT_EXIT), 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kTgidAt),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kPidAt),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, ~0u),
    };
    sock_fprog filter = {sizeof program / sizeof *program, program};
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

void set_status(int wait_status, Life *life) {
    life->status_known = true;
    if (WIFEXITED(wait_status))
        life->code = WEXITSTATUS(wait_status);
    else
        life->signal = WTERMSIG(wait_status);
}

} // namespace

ExitListener::~ExitListener() {
    if (socket_.valid()) listen(false); // before Linux 6.6 the kernel goes on producing events without it
}

void ExitListener::expect(pid_t pid) {
    if (!tried_) open();
    if (socket_.valid()) statuses_[pid] = -1;
}

bool ExitListener::take(pid_t pid, int *wait_status) {
    if (socket_.valid()) receive();
    auto found = statuses_.find(pid);
    if (found == statuses_.end() || found->second < 0) return false;
    *wait_status = found->second;
    statuses_.erase(found);
    return true;
}

bool ExitListener::awaits(pid_t pid) const {
    auto found = statuses_.find(pid);
    return found != statuses_.end() && found->second < 0;
}

void ExitListener::open() {
    tried_ = true;
    if (pidfds_tell_exits()) return;
    socket_.reset(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
    sockaddr_nl address = {};
    address.nl_family = AF_NETLINK;
    address.nl_groups = CN_IDX_PROC;
    int room = 4 << 20; // every exit on the host is in the queue until we read it
    if (bind(socket_.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) < 0) return socket_.reset();
    (void)setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (!filter_exits(socket_.get())) return socket_.reset();
    listen(true);
}

void ExitListener::listen(bool on) {
    nlmsghdr header = {};
    cn_msg message = {};
    proc_cn_mcast_op operation = on ? PROC_CN_MCAST_LISTEN : PROC_CN_MCAST_IGNORE;
    header.nlmsg_len = sizeof header + sizeof message + sizeof operation;
    header.nlmsg_type = NLMSG_DONE;
    message.id = {CN_IDX_PROC, CN_VAL_PROC};
    message.len = sizeof operation;
    iovec parts[] = {{&header, sizeof header}, {&message, sizeof message}, {&operation, sizeof operation}};
    if (writev(socket_.get(), parts, 3) < 0) socket_.reset();
}

void ExitListener::receive() {
    alignas(nlmsghdr) char packet[1024];
    ssize_t n;
    while ((n = recv(socket_.get(), packet, sizeof packet, 0)) > 0 || (n < 0 && errno == ENOBUFS)) {
        if (n < static_cast<ssize_t>(kEventAt + sizeof(proc_event))) continue;
        proc_event event;
        memcpy(&event, packet + kEventAt, sizeof event);
        auto found = statuses_.find(event.event_data.exit.process_pid);
        if (event.what == proc_event::PROC_EVENT_EXIT && found != statuses_.end())
            found->second = static_cast<int>(event.event_data.exit.exit_code);
    }
}

void read_exit_status(const Fd &pidfd, ExitListener &listener, Life *life) {
    siginfo_t info = {};
    int status;
    if (wait_for(pidfd, &info, WEXITED | WNOHANG) == 0) {
        if (info.si_pid == 0) return;
        life->status_known = true;
        (info.si_code == CLD_EXITED ? life->code : life->signal) = info.si_status;
    } else if (ask_pidfd(pidfd, &status) || listener.take(life->pid, &status) ||
               ask_zombie(pidfd, life->pid, &status) || ask_pidfd(pidfd, &status)) {
        set_status(status, life);
    }
}
