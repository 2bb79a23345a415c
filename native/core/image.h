// Images of file systems in files of the host, mounted by a loop device.
#pragma once
#include <string>
#include <sys/types.h>

// Mounts a squashfs or erofs file read-only. The mount is detached: the container attaches it later. The kernel frees
// the loop device with the last mount. No link is followed on the way to the file. Gives a descriptor of the mount or a
// negative errno, EBADMSG where the file is neither.
int mount_image(const std::string &path);

// Does the same in another process, which runs `program` (niwa-reach): a process that waits for a file system which
// never answers cannot be killed. Gives -ETIMEDOUT where it takes too long; `hung` is then that process, and the caller
// has to reap it.
int mount_image_apart(const std::string &program, const std::string &path, pid_t *hung);

// Gives the type of the image in a file: "squashfs", "erofs", or nothing. No link is followed.
std::string image_type(const std::string &path);
