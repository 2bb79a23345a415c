#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "default_spec.h"
#include "log.h"
#include "wire.h"

struct change {
    const char *from, *to;
};

// Gives a text with other parts, which are in it in the order of the changes.
static struct buffer changed(const char *text, const struct change *changes, size_t count) {
    struct buffer result = {0};
    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(text, changes[i].from);
        if (found == NULL) fail("the config has no %s", changes[i].from);
        buffer_add(&result, text, (size_t)(found - text));
        buffer_add(&result, changes[i].to, strlen(changes[i].to));
        text = found + strlen(changes[i].from);
    }
    buffer_add(&result, text, strlen(text));
    return result;
}

// The root of a container in a user namespace of one id has no group 5, and mounts no sysfs of a network that is that
// of the host.
static struct buffer rootless_spec(void) {
    char mappings[512];
    snprintf(mappings, sizeof mappings,
             "\"uidMappings\": [{\"containerID\": 0, \"hostID\": %u, \"size\": 1}],\n"
             "    \"gidMappings\": [{\"containerID\": 0, \"hostID\": %u, \"size\": 1}],\n"
             "    \"namespaces\": [",
             geteuid(), getegid());
    const struct change changes[] = {
        {"\"mode=0620\",\n        \"gid=5\"", "\"mode=0620\""},
        {"\"type\": \"sysfs\",\n      \"source\": \"sysfs\",\n      \"options\": [",
         "\"type\": \"bind\",\n      \"source\": \"/sys\",\n      \"options\": [\n        \"rbind\","},
        {"\"namespaces\": [", mappings},
        {"\"type\": \"network\"", "\"type\": \"user\""},
    };
    return changed(default_spec, changes, sizeof changes / sizeof *changes);
}

void write_spec(const struct command *command) {
    const char *bundle = option(command, "bundle");
    struct buffer text = has_option(command, "rootless") ? rootless_spec() : changed(default_spec, NULL, 0);
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/config.json", bundle == NULL ? "." : bundle);
    if (length >= (int)sizeof path) fail("cannot write config.json into %s: %s", bundle, reason(ENAMETOOLONG));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) fail("%s exists; remove it first", path);
    if (fd < 0 || write(fd, text.bytes, text.length) < 0) fail("cannot write %s: %s", path, reason(errno));
    close(fd);
    free(text.bytes);
}
