#include "root.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "paths.h"

// Adds the parts of a path to another one, which has none of `.` and `..`.
static void add_parts(char *whole, size_t length, const char *path) {
    for (; *path != 0; path += strspn(path, "/")) {
        size_t part = strcspn(path, "/");
        bool goes_up = part == 2 && memcmp(path, "..", 2) == 0;
        if (goes_up) {
            while (length > 0 && whole[--length] != '/') continue;
        } else if (part > 0 && (part != 1 || *path != '.')) {
            whole[length++] = '/';
            memcpy(whole + length, path, part);
            length += part;
        }
        path += part;
    }
    if (length == 0) whole[length++] = '/';
    whole[length] = 0;
}

const char *root_of(const struct command *command) {
    static char whole[2 * PATH_MAX + 2];
    const char *root = option(command, "root");
    if (root == NULL) return DEFAULT_ROOT;
    const char *const wrong = "--root \"%s\" has to be the path of a directory";
    if (*root == 0 || strlen(root) >= PATH_MAX) fail(wrong, root);
    bool is_relative = *root != '/';
    if (is_relative && getcwd(whole, PATH_MAX) == NULL) fail("--root %s: %s", root, reason(errno));
    add_parts(whole, is_relative && strcmp(whole, "/") != 0 ? strlen(whole) : 0, root);
    if (strlen(whole) >= PATH_MAX) fail(wrong, root);
    return whole;
}
