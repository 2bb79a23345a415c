#include "paths.h"

#include <cerrno>
#include <climits>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace {

constexpr int kMaxLinks = 40; // the limit of the kernel, see path_resolution(7)

// Takes the first part off a path, without the slashes before it.
std::string take_part(std::string *rest) {
    size_t begin = rest->find_first_not_of('/');
    if (begin == std::string::npos) begin = rest->size();
    size_t end = rest->find('/', begin);
    if (end == std::string::npos) end = rest->size();
    std::string part = rest->substr(begin, end - begin);
    rest->erase(0, end);
    return part;
}

// Adds a part to a path that has no links.
void add_part(std::string *real, const std::string &part) {
    if (part == "..")
        real->erase(real->rfind('/') == std::string::npos ? 0 : real->rfind('/'));
    else if (!part.empty() && part != ".")
        *real += "/" + part;
}

bool is_below(const std::string &path, const std::string &directory) {
    return (path + "/").compare(0, directory.size() + 1, directory + "/") == 0 || directory == "/";
}

bool is_inside(const std::string &path, const std::vector<std::string> &fence) {
    for (const std::string &directory : fence)
        if (is_below(path, directory)) return true;
    return false;
}

bool is_on_the_way(const std::string &path, const std::vector<std::string> &fence) {
    for (const std::string &directory : fence)
        if (is_below(directory, path)) return true;
    return false;
}

} // namespace

int follow_links(const std::string &path, const std::vector<std::string> &fence, std::string *real) {
    std::string rest = path;
    real->clear();       // "/" is "" until the end
    bool fenced = false; // set once it is in the fence; before that, the links are those of the administrator
    for (int links = 0; !rest.empty();) {
        std::string part = take_part(&rest), before = *real;
        add_part(real, part);
        if (*real == before || part == "..") continue;
        if (fenced && !is_inside(*real, fence) && !is_on_the_way(*real, fence)) {
            *real += rest;
            return -EACCES;
        }
        char target[PATH_MAX];
        ssize_t length = readlink(real->c_str(), target, sizeof target);
        if (length < 0 && errno == EINVAL) { // no link
            fenced = fenced || is_inside(*real, fence);
            continue;
        }
        if (length < 0 || links++ == kMaxLinks) {
            *real += rest;
            return length < 0 ? -errno : -ELOOP;
        }
        *real = target[0] == '/' ? "" : before;
        rest = std::string(target, static_cast<size_t>(length)) + rest;
    }
    if (real->empty()) *real = "/";
    return 0;
}

int describe_identity(const std::string &path, std::string *identity) {
    struct stat status;
    if (stat(path.c_str(), &status) < 0) return -errno;
    *identity = std::to_string(status.st_dev) + " " + std::to_string(status.st_ino);
    return 0;
}

int describe_device(const std::string &path, std::string *device) {
    struct stat status;
    if (stat(path.c_str(), &status) < 0) return -errno;
    if (!S_ISBLK(status.st_mode) && !S_ISCHR(status.st_mode)) return 0;
    *device = std::string(S_ISBLK(status.st_mode) ? "b " : "c ") + std::to_string(major(status.st_rdev)) + ":" +
              std::to_string(minor(status.st_rdev));
    return 0;
}
