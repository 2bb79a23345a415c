#include "layers.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

namespace {

constexpr char kOpaqueName[] = "trusted.overlay.opaque";
constexpr size_t kLookupsToRead = 2048; // `/etc/passwd` in 127 layers takes 254; it is read on the event loop of niwad
constexpr int kDirectory = O_RDONLY | O_DIRECTORY;

// Opens the file of a name. Follows no link and enters no mount: the file system of a mount may never answer.
int open_name(int directory, const char *name, int flags) {
    struct open_how how = {};
    how.flags = static_cast<unsigned>(flags | O_NOFOLLOW | O_CLOEXEC);
    how.resolve = RESOLVE_NO_XDEV;
    return static_cast<int>(syscall(SYS_openat2, directory, name, &how, sizeof how));
}

int open_root(const std::vector<int> &layers, Directory *root) {
    *root = Directory();
    root->in_top = true;
    for (int layer : layers) {
        root->parts.emplace_back(open_name(layer, ".", kDirectory));
        if (!root->parts.back().valid()) return -errno;
    }
    return 0;
}

// Puts the names of a path onto a stack, the first on top.
void push_names(const std::string &path, std::vector<std::string> *todo) {
    for (size_t end = path.size(); end > 0;) {
        size_t slash = path.rfind('/', end - 1);
        size_t start = slash == std::string::npos ? 0 : slash + 1;
        if (start < end) todo->push_back(path.substr(start, end - start));
        end = slash == std::string::npos ? 0 : slash;
    }
}

int read_shown(const Shown &shown, size_t max_bytes, std::string *text) {
    if (!S_ISREG(shown.status.st_mode)) return -EINVAL; // a device or a FIFO must not be opened for reading
    size_t size = static_cast<size_t>(shown.status.st_size);
    if (size > max_bytes) return -EFBIG;
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", shown.place.get());
    Fd fd(open(self, O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return -errno;
    text->resize(size);
    size_t done = 0;
    for (ssize_t got = 1; done < size && got > 0; done += got > 0 ? static_cast<size_t>(got) : 0) {
        got = read(fd.get(), text->data() + done, size - done);
        if (got < 0) return -errno;
    }
    text->resize(done);
    return 0;
}

} // namespace

bool is_whiteout(const struct stat &status) {
    return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

int set_opaque(int fd) {
    return fsetxattr(fd, kOpaqueName, "y", 1, 0) < 0 ? -errno : 0;
}

bool is_opaque(int fd) {
    char value = 0;
    return fgetxattr(fd, kOpaqueName, &value, 1) == 1 && value == 'y';
}

std::string parent_of(const std::string &path) {
    size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string name_of(const std::string &path) {
    size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string path_in(const std::string &directory, const std::string &name) {
    return directory.empty() ? name : directory + "/" + name;
}

int look(const Directory &in, const std::string &name, Shown *shown) {
    if (name.empty() || name == "." || name == "..") return -EISDIR;
    for (size_t i = 0; i < in.parts.size(); i++) {
        shown->place.reset(open_name(in.parts[i].get(), name.c_str(), O_PATH));
        shown->part = i;
        if (!shown->place.valid() && errno == ENOENT) continue;
        if (!shown->place.valid() || fstat(shown->place.get(), &shown->status) < 0) return -errno;
        return is_whiteout(shown->status) ? -ENOENT : 0;
    }
    return -ENOENT;
}

int enter(const Directory &in, const std::string &name, Directory *found) {
    *found = Directory();
    found->path = path_in(in.path, name);
    for (size_t i = 0; i < in.parts.size(); i++) {
        Fd fd(open_name(in.parts[i].get(), name.c_str(), kDirectory));
        if (!fd.valid() && errno == ENOENT) continue;
        if (!fd.valid() && (errno == ENOTDIR || errno == ELOOP))
            break; // a file that is no directory hides the layers below, like a whiteout
        if (!fd.valid()) return -errno;
        if (i == 0) found->in_top = in.in_top;
        found->parts.push_back(std::move(fd));
        if (is_opaque(found->parts.back().get())) break;
    }
    return 0;
}

int enter_existing(const Directory &in, const std::string &name, const Shown *shown, Directory *found) {
    if (shown == nullptr) return -ENOENT;
    return S_ISDIR(shown->status.st_mode) ? enter(in, name, found) : -ENOTDIR;
}

int read_link(const Shown &link, std::string *target) {
    char buffer[PATH_MAX];
    ssize_t length = readlinkat(link.place.get(), "", buffer, sizeof buffer);
    if (length < 0) return -errno;
    target->assign(buffer, static_cast<size_t>(length));
    return 0;
}

int walk(const std::vector<int> &layers, const std::string &path, const Enter &enter_next, Effort *effort,
         Directory *found) {
    std::vector<std::string> todo;
    std::string target;
    push_names(path, &todo);
    int error = open_root(layers, found);
    while (error == 0 && !todo.empty()) {
        std::string name = std::move(todo.back());
        todo.pop_back();
        if (name == ".") continue;
        if (effort->lookups < found->parts.size()) return -ELOOP;
        effort->lookups -= found->parts.size();
        if (name == "..") {
            push_names(parent_of(found->path), &todo);
            error = open_root(layers, found);
            continue;
        }
        Shown shown;
        error = look(*found, name, &shown);
        if (error < 0 && error != -ENOENT) return error;
        if (error == 0 && S_ISLNK(shown.status.st_mode)) {
            if (--effort->links < 0) return -ELOOP;
            error = read_link(shown, &target);
            push_names(target, &todo);
            if (error == 0 && target[0] == '/') error = open_root(layers, found);
            continue;
        }
        Directory next;
        error = enter_next(*found, name, error == 0 ? &shown : nullptr, &next);
        *found = std::move(next);
        if (found->path.size() >= PATH_MAX) return -ENAMETOOLONG; // by links, each of which is shorter
    }
    return error;
}

int read_in_layers(const std::vector<std::string> &layers, const std::string &path, size_t max_bytes,
                   std::string *text) {
    std::vector<Fd> opened;
    std::vector<int> roots;
    for (const std::string &layer : layers) {
        opened.emplace_back(open(layer.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!opened.back().valid()) return -errno;
        roots.push_back(opened.back().get());
    }
    std::string at = path;
    Effort effort;
    effort.lookups = kLookupsToRead;
    while (--effort.links >= 0) {
        Directory parent;
        Shown shown;
        std::string target;
        int error = walk(roots, parent_of(at), enter_existing, &effort, &parent);
        if (error == 0 && effort.lookups < parent.parts.size()) error = -ELOOP;
        effort.lookups -= parent.parts.size();
        if (error == 0) error = look(parent, name_of(at), &shown);
        if (error < 0) return error;
        if (!S_ISLNK(shown.status.st_mode)) return read_shown(shown, max_bytes, text);
        error = read_link(shown, &target);
        if (error < 0) return error;
        at = target[0] == '/' ? target : path_in(parent.path, target);
    }
    return -ELOOP;
}
