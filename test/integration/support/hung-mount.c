// hung-mount DIRECTORY [NAME]: mounts a FUSE file system in a mount namespace of its own, whose requests are never
// answered: none at all, or with NAME all but those of processes of that name, and the opening of files. Whatever is
// called "file" or "image" is a file, all else a directory; "image" is a squashfs for `NAME serve`, and hangs for all
// others who open it. Says "ready" and ends with its standard input; /dev/fuse is closed
// then, so that the kernel aborts the connection and everybody who waits goes on.
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NODE 3
#define IMAGE_NODE 4

static char request[1 << 20];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void answer(int fuse, int error, const void *body, size_t length) {
    const struct fuse_in_header *in = (void *)request;
    struct {
        struct fuse_out_header head;
        char body[256];
    } out = {.head = {.len = (unsigned)(sizeof out.head + length), .error = error, .unique = in->unique}};
    memcpy(out.body, body, length);
    if (write(fuse, &out, out.head.len) < 0) perror("answer");
}

static void name_of(unsigned pid, char name[32]) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/comm", pid);
    name[0] = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    if (fgets(name, 32, file) != NULL) name[strcspn(name, "\n")] = 0;
    fclose(file);
}

static int is_serving(unsigned pid) {
    char path[64], words[256] = "";
    snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    size_t length = fread(words, 1, sizeof words - 1, file);
    fclose(file);
    return strcmp(words + (strlen(words) < length ? strlen(words) + 1 : 0), "serve") == 0;
}

static struct fuse_attr attributes_of(unsigned long node) {
    struct fuse_attr attributes = {.ino = node, .nlink = 2, .mode = S_IFDIR | 0755, .blksize = 4096};
    if (node == FILE_NODE || node == IMAGE_NODE) attributes.mode = S_IFREG | 0755, attributes.size = 4096;
    return attributes;
}

static void look_up(int fuse) {
    const char *name = request + sizeof(struct fuse_in_header);
    unsigned long node = strcmp(name, "file") == 0 ? FILE_NODE : strcmp(name, "image") == 0 ? IMAGE_NODE : 2;
    struct fuse_entry_out entry = {.nodeid = node, .attr = attributes_of(node)};
    answer(fuse, 0, &entry, sizeof entry);
}

static void open_or_read(int fuse, const struct fuse_in_header *in) {
    struct fuse_open_out opened = {.fh = 1};
    if (in->nodeid != IMAGE_NODE || !is_serving(in->pid)) return;
    if (in->opcode == FUSE_OPEN)
        answer(fuse, 0, &opened, sizeof opened);
    else
        answer(fuse, 0, "hsqs", 4);
}

static void serve_one(int fuse) {
    const struct fuse_in_header *in = (void *)request;
    struct fuse_attr_out attributes = {.attr = attributes_of(in->nodeid)};
    struct fuse_statfs_out status = {.st = {.bsize = 4096, .namelen = 255}};
    if (in->opcode == FUSE_LOOKUP) return look_up(fuse);
    if (in->opcode == FUSE_GETATTR) return answer(fuse, 0, &attributes, sizeof attributes);
    if (in->opcode == FUSE_STATFS) return answer(fuse, 0, &status, sizeof status);
    if (in->opcode == FUSE_OPEN || in->opcode == FUSE_READ) return open_or_read(fuse, in);
    if (in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET && in->opcode != FUSE_INTERRUPT)
        answer(fuse, -38, "", 0); // ENOSYS
}

static void initialize(int fuse) {
    if (read(fuse, request, sizeof request) < 0) fail("FUSE_INIT");
    // Without the flag the kernel looks up one name of a directory after another, and one that hangs holds up the
    // others.
    struct fuse_init_out init = {
        .major = FUSE_KERNEL_VERSION, .minor = 31, .flags = FUSE_PARALLEL_DIROPS, .max_write = 4096};
    answer(fuse, 0, &init, sizeof init);
}

int main(int count, char **words) {
    if (count < 2) return 2;
    int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse < 0) fail("/dev/fuse");
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("unshare");
    char options[128];
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
    if (mount("hung", words[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0) fail("mount");
    initialize(fuse);
    if (write(STDOUT_FILENO, "ready\n", 6) < 0) fail("ready");
    struct pollfd ends[] = {{STDIN_FILENO, POLLIN, 0}, {fuse, POLLIN, 0}};
    while (poll(ends, 2, -1) > 0 && ends[0].revents == 0) {
        if (ends[1].revents == 0) continue;
        if (read(fuse, request, sizeof request) < 0) break;
        char name[32];
        name_of(((struct fuse_in_header *)request)->pid, name);
        if (count > 2 && strcmp(name, words[2]) == 0) serve_one(fuse);
    }
    return 0;
}
