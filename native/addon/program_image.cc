#include "program_image.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#ifndef MFD_EXEC // since Linux 6.3; older kernels refuse it with EINVAL and make every memfd executable
#define MFD_EXEC 0x0010U
#endif

int load_program(const char *path, Fd *image) {
    Fd file(open(path, O_RDONLY | O_CLOEXEC));
    struct stat status;
    if (!file.valid() || fstat(file.get(), &status) < 0) return -errno;

    const char *slash = strrchr(path, '/');
    const char *name = slash == nullptr ? path : slash + 1;
    Fd copy(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
    if (!copy.valid() && errno == EINVAL) copy.reset(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!copy.valid()) return -errno;
    for (off_t done = 0; done < status.st_size;) {
        ssize_t n = sendfile(copy.get(), file.get(), &done, static_cast<size_t>(status.st_size - done));
        if (n < 0) return -errno;
        if (n == 0) return -EIO;
    }
    int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (fchmod(copy.get(), 0555) < 0 || fcntl(copy.get(), F_ADD_SEALS, seals) < 0) return -errno;
    *image = std::move(copy);
    return 0;
}
