// The terminals of containers.
#include <cerrno>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "../exec.h"
#include "addon.h"
#include "face.h"
#include "promises.h"

namespace {

// openTerminal(handle, fifo): copy | -errno. The other side of the terminal is held open too. Otherwise reading the
// master side would fail with EIO as soon as the workload has closed its last descriptor of the terminal, though it may
// open the terminal again.
Value open_terminal(Info info) {
    auto container = container_of(info);
    if (!container || !container->terminal.valid()) return from_number(info.Env(), -ENOTTY);
    int flags = fcntl(container->terminal.get(), F_GETFL);
    Fd fifo(open(to_string(info[1]).c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    Fd from = copy_of(container->terminal);
    Fd other(ioctl(container->terminal.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    bool opened = flags >= 0 && fcntl(container->terminal.get(), F_SETFL, flags | O_NONBLOCK) == 0 && fifo.valid() &&
                  from.valid();
    if (!opened) return from_number(info.Env(), -errno);
    uint64_t name = addon_of(info).relay.add(std::move(from), std::move(fifo), std::move(other));
    return from_number(info.Env(), static_cast<double>(name));
}

// finishTerminal(copy): Promise<undefined>
Value finish_terminal(Info info) {
    Answer<bool> answer(info.Env(), [](Napi::Env env, const bool &) -> Value { return env.Undefined(); });
    addon_of(info).relay.finish(to_u64(info[0]), [answer]() mutable { answer(true); });
    return answer.promise();
}

// terminalInput(handle): fd | -errno
Value terminal_input(Info info) {
    auto container = container_of(info);
    if (!container || !container->terminal.valid()) return from_number(info.Env(), -ENOTTY);
    Fd reading, writing, to = copy_of(container->terminal);
    int error = to.valid() ? make_pipe(&reading, &writing, 3) : -errno;
    if (error < 0) return from_number(info.Env(), error);
    addon_of(info).relay.add(std::move(reading), std::move(to));
    return from_number(info.Env(), writing.release());
}

// resizeTerminal(handle, rows, columns): errno
Value resize_terminal(Info info) {
    auto container = container_of(info);
    int error = container ? set_terminal_size(container->terminal, to_u16(info[1]), to_u16(info[2])) : -ESRCH;
    return from_result(info.Env(), error);
}

} // namespace

void export_terminals(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"openTerminal", open_terminal},
                {"finishTerminal", finish_terminal},
                {"terminalInput", terminal_input},
                {"resizeTerminal", resize_terminal}});
}
