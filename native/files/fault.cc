#include "fault.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

void fail(int error, const std::string &words) {
    const char *name = strerrorname_np(error);
    std::string line = std::string(name == nullptr ? "EIO" : name) + " " + words;
    if (error != EBADMSG) line += std::string(": ") + strerror(error);
    line += "\n";
    (void)!write(STDERR_FILENO, line.data(), line.size());
    _exit(1);
}
