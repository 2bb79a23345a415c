#include "container_files.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec.h"

namespace {

int write_file(const std::string &path, const std::string &text) {
    Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file.valid()) return -errno;
    for (size_t done = 0; done < text.size();) {
        ssize_t n = write(file.get(), text.data() + done, text.size() - done);
        if (n < 0 && errno != EINTR) return -errno;
        if (n > 0) done += static_cast<size_t>(n);
    }
    return 0;
}

// Makes a FIFO for an output of the container, and opens both of its ends. The container has the reading end of its own
// output open too. So when niwad dies, the container gets no SIGPIPE, and what it wrote is kept.
int make_fifo(const std::string &path, const SpawnRequest &request, Fd *fifo) {
    if (mkfifo(path.c_str(), 0600) < 0) return -errno;
    fifo->reset(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!fifo->valid() || fchown(fifo->get(), request.stdio_uid, request.stdio_gid) < 0) return -errno;
    return 0;
}

// Makes the standard input of a container: `reading` is for the workload, `writing` stays with us. It is a pipe and no
// FIFO: one that the workload opens again (/dev/stdin) would wait for a writer, though the input is over (fifo(7)).
int make_input(const SpawnRequest &request, Fd *reading, Fd *writing) {
    if (!request.common->input) {
        reading->reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
        return reading->valid() ? 0 : -errno;
    }
    int error = make_pipe(reading, writing, 2);
    if (error == 0 && fchown(reading->get(), request.stdio_uid, request.stdio_gid) < 0) error = -errno;
    return error;
}

} // namespace

int make_files(const SpawnRequest &request, Streams *streams) {
    int error = 0;
    for (const auto &[path, text] : request.files)
        if (error == 0) error = write_file(path, text);
    if (error == 0) error = make_fifo(request.stdout_path, request, &streams->output[0]);
    if (error == 0) error = make_fifo(request.stderr_path, request, &streams->output[1]);
    if (error == 0) error = make_input(request, &streams->in, &streams->feed);
    return error;
}
