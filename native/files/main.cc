// niwa-files: packs and unpacks the tars of `niwa cp`, on both sides. niwad runs it in the container, as a process of
// the container, whose paths are the container's; the command line runs it on the host.
//
//   niwa-files pack [-L] PATH                  writes a tar to standard output; -L: follows a link at the end of PATH
//   niwa-files unpack [-a] [-p] TARGET [NAME]  reads a tar from standard input; -a: keeps owners; -p: of a stranger
//
// pack.h and unpack.h explain the words. A failure is one line on standard error (fault.h) and status 1.
#include <csignal>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

#include "pack.h"
#include "unpack.h"

int main(int count, char **words) {
    const std::string what = count > 1 ? words[1] : "";
    int at = 2;
    auto has = [&](const char *option) {
        const bool found = at < count && strcmp(words[at], option) == 0;
        if (found) at++;
        return found;
    };
    signal(SIGPIPE, SIG_IGN);
    umask(0); // the modes are those of the tar
    if (what == "pack") {
        const bool follow = has("-L");
        if (at + 1 == count) return pack(words[at], follow), 0;
    }
    if (what == "unpack") {
        UnpackOptions options;
        options.keep_owner = has("-a");
        options.plain = has("-p");
        if (at + 1 == count || at + 2 == count) {
            options.target = words[at];
            options.name = at + 2 == count ? words[at + 1] : "";
            return unpack(options), 0;
        }
    }
    static const char usage[] = "niwa-files is a part of niwa, which starts it for `niwa cp`\n";
    (void)!write(STDERR_FILENO, usage, sizeof usage - 1);
    return 2;
}
