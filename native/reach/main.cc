// niwa-reach: opens and examines paths that users name, for niwad. A file system such as FUSE may never answer. A
// process that waits for it hangs in the kernel and cannot be killed. So niwad lets this program do it, waits for a
// limited time, and then starts another niwa-reach.
//
//   niwa-reach serve                   answers errands from its standard input, one after another
//   niwa-reach image PATH              mounts an image and sends the mount over the socket, descriptor 3
//   niwa-reach exec DIRECTORY FILE ARGUMENT...
//                                      becomes a program, in the directory, or in / where that is no more; where it
//                                      cannot, writes the errno to the descriptor 3
//   niwa-reach hold                    keeps a scope of systemd: sleeps until it is killed
//
// An errand is a length (4 bytes, in the byte order of the machine) and strings that each end with a zero byte: the
// name of the errand and its arguments. The answer is a length, an errno (4 bytes, 0 for success), and as many bytes as
// the length.
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "../core/idmap.h"
#include "../core/image.h"
#include "../core/layers.h"
#include "../core/pass.h"
#include "../core/place.h"
#include "paths.h"
#include "quota.h"

namespace {

constexpr int kReportFd = 3;
constexpr uint32_t kMostBytes = 16 * 1024 * 1024;
constexpr size_t kMostOfFile = 1024 * 1024;

using Words = std::vector<std::string>;

bool read_all(void *bytes, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t n = read(STDIN_FILENO, static_cast<char *>(bytes) + done, length - done);
        if (n == 0 || (n < 0 && errno != EINTR)) return false;
        if (n > 0) done += static_cast<size_t>(n);
    }
    return true;
}

bool write_all(const std::string &bytes) {
    for (size_t done = 0; done < bytes.size();) {
        ssize_t n = write(STDOUT_FILENO, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) done += static_cast<size_t>(n);
    }
    return true;
}

bool read_errand(Words *words) {
    uint32_t length;
    if (!read_all(&length, sizeof length) || length == 0 || length > kMostBytes) return false;
    std::string bytes(length, 0);
    if (!read_all(bytes.data(), length)) return false;
    words->clear();
    for (size_t at = 0, end; (end = bytes.find('\0', at)) != std::string::npos; at = end + 1)
        words->push_back(bytes.substr(at, end - at));
    return !words->empty();
}

std::string number(uint32_t value) {
    return std::string(reinterpret_cast<const char *>(&value), sizeof value);
}

// The fence of an errand: the directories after the path.
Words fence_of(const Words &words) {
    return Words(words.begin() + 2, words.end());
}

// source PATH FENCE...: whether its mount can be id-mapped, "1" or "0", or "?" where that could not be tried; a space;
// the number of the mount, see core/place.h; a space; the real path.
int source(const Words &words, std::string *body) {
    std::string real;
    int error = follow_links(words[1], fence_of(words), &real);
    // One descriptor for both: another mount may come over the path at any time. open_tree(2) opens as O_PATH does, but
    // lets autofs mount what belongs there.
    Fd file(error < 0 ? -1 : open_tree(AT_FDCWD, real.c_str(), OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW));
    CanIdmap answer = can_idmap(file);
    *body = answer == CanIdmap::unknown ? "?" : answer == CanIdmap::yes ? "1" : "0";
    *body += " " + std::to_string(place_of(file.get()).mount) + " " + real;
    return error;
}

// image PATH FENCE...: the type of the image, or nothing; a zero byte; then the real path.
int image(const Words &words, std::string *body) {
    std::string real;
    int error = follow_links(words[1], fence_of(words), &real);
    *body = (error < 0 ? "" : image_type(real)) + std::string(1, 0) + real;
    return error;
}

int run_errand(const Words &words, std::string *body) {
    const std::string &what = words[0];
    if (words.size() < 2) return -EINVAL;
    if (what == "real") return follow_links(words[1], fence_of(words), body);
    if (what == "source") return source(words, body);
    if (what == "image") return image(words, body);
    if (what == "identity") return describe_identity(words[1], body);
    if (what == "device") return describe_device(words[1], body);
    if (what == "read" && words.size() == 3) return read_in_layers({words[1]}, words[2], kMostOfFile, body);
    if (what == "limit" && words.size() == 3) return limit_directory(words[1], strtoull(words[2].c_str(), nullptr, 10));
    return -EINVAL;
}

int serve() {
    for (Words words; read_errand(&words);) {
        std::string body;
        int error = run_errand(words, &body);
        if (!write_all(number(static_cast<uint32_t>(body.size())) + number(static_cast<uint32_t>(-error)) + body))
            break;
    }
    return 0;
}

int send_image(const char *path) {
    return pass_result(kReportFd, mount_image(path)) ? 0 : 1;
}

int execute(const char *directory, const char *file, char **args) {
    fcntl(kReportFd, F_SETFD, FD_CLOEXEC);
    if (chdir(directory) == 0 || errno == ENOENT) execvp(file, args);
    std::string error = std::to_string(errno);
    return write(kReportFd, error.data(), error.size()) < 0 ? 126 : 127;
}

// Ends with niwad, whose end of the standard input closes, until a byte there says that the scope is made. No other
// signal than SIGKILL ends it: systemd sends SIGTERM to all processes of a scope that it stops.
int hold() {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    char go;
    ssize_t n;
    while ((n = read(STDIN_FILENO, &go, 1)) < 0 && errno == EINTR) continue;
    if (n != 1) return 0;
    syscall(SYS_close_range, 0u, ~0u, 0u);
    for (;;) sigsuspend(&all);
}

} // namespace

int main(int count, char **words) {
    std::string what = count > 1 ? words[1] : "";
    syscall(SYS_close_range, static_cast<unsigned>(kReportFd) + 1, ~0u, 0u);
    if (what == "serve") return serve();
    if (what == "image" && count == 3) return send_image(words[2]);
    if (what == "hold") return hold();
    if (what == "exec" && count > 4) return execute(words[2], words[3], words + 4);
    static const char usage[] = "niwa-reach is a part of niwad, which starts it\n";
    (void)!write(STDERR_FILENO, usage, sizeof usage - 1);
    return 2;
}
