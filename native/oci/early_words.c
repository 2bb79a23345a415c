// No function of the C library works here, nor its memory of a thread: errno, the stack protector. The compiler may
// make no call of memcpy() or memset() from a loop.
#pragma GCC optimize("no-stack-protector", "no-tree-loop-distribute-patterns")

#include "early_words.h"

#include <limits.h>

#include "paths.h"

size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length] != 0) length++;
    return length;
}

// Gives what follows a beginning, or NULL for a text that begins otherwise.
static const char *behind(const char *text, const char *beginning) {
    for (; *beginning != 0; text++, beginning++)
        if (*text != *beginning) return NULL;
    return text;
}

bool is_text(const char *text, const char *other) {
    const char *rest = behind(text, other);
    return rest != NULL && *rest == 0;
}

// Takes an option with a value, `--name value` or `--name=value`. Gives false for another word.
static bool take_value(char **words, size_t *at, const char *name, const char **value) {
    const char *rest = behind(words[*at], name);
    if (rest == NULL || (*rest != 0 && *rest != '=')) return false;
    if (*rest == 0 && words[*at + 1] == NULL) return false;
    *value = *rest == '=' ? rest + 1 : words[++*at];
    return true;
}

// Whether a path is that which root_of() makes of it.
static bool is_settled(const char *path) {
    if (length_of(path) >= PATH_MAX) return false;
    for (size_t i = 0; path[i] != 0; i++)
        if (path[i] == '/' && (path[i + 1] == '/' || path[i + 1] == '.' || path[i + 1] == 0)) return false;
    return path[0] == '/';
}

static bool take_global(char **words, size_t *at, struct plain *plain) {
    const char *format = "json";
    if (plain->root == NULL && take_value(words, at, "--root", &plain->root)) return is_settled(plain->root);
    return is_text(words[*at], "--debug") || take_value(words, at, "--log", &plain->log) ||
           take_value(words, at, "--niwad", &plain->niwad) ||
           (take_value(words, at, "--log-format", &format) && (is_text(format, "json") || is_text(format, "text")));
}

bool makes_process(const struct plain *plain) {
    return is_text(plain->verb, "create") || is_text(plain->verb, "run");
}

static bool is_known(const char *verb) {
    return is_text(verb, "create") || is_text(verb, "run") || is_text(verb, "start") || is_text(verb, "state") ||
           is_text(verb, "kill") || is_text(verb, "delete");
}

static bool take_option(char **words, size_t *at, struct plain *plain) {
    const char *word = words[*at], *pid_file;
    if (is_text(plain->verb, "delete"))
        return !plain->force && (is_text(word, "--force") || is_text(word, "-f")) && (plain->force = true);
    if (is_text(plain->verb, "kill"))
        return !plain->all && (is_text(word, "--all") || is_text(word, "-a")) && (plain->all = true);
    if (!makes_process(plain)) return false;
    if (is_text(plain->verb, "run") && (is_text(word, "--detach") || is_text(word, "-d"))) return plain->detach = true;
    // main() writes the pid file, and refuses a path that is too long
    if (take_value(words, at, "--pid-file", &pid_file)) return length_of(pid_file) <= MAX_PLAIN_PATH;
    return take_value(words, at, "--bundle", &plain->bundle) || take_value(words, at, "-b", &plain->bundle);
}

bool read_words(char **words, struct plain *plain) {
    size_t at = 1;
    for (; words[at] != NULL && words[at][0] == '-'; at++)
        if (!take_global(words, &at, plain)) return false;
    if (words[at] == NULL || !is_known(words[at])) return false;
    plain->verb = words[at++];
    size_t most = is_text(plain->verb, "kill") ? 2 : 1;
    for (; words[at] != NULL; at++) {
        if (words[at][0] == '-') {
            if (!take_option(words, &at, plain)) return false;
        } else {
            if (plain->argument_count == most) return false;
            plain->arguments[plain->argument_count++] = words[at];
        }
    }
    return plain->argument_count > 0;
}

bool read_environment(char **entries, struct plain *plain) {
    for (; *entries != NULL; entries++) {
        const char *socket = behind(*entries, "NIWA_OCI_SOCKET=");
        if (socket != NULL && plain->niwad == NULL) plain->niwad = socket;
        if (behind(*entries, "NOTIFY_SOCKET=") != NULL || behind(*entries, "LISTEN_") != NULL) return false;
    }
    if (plain->niwad == NULL) plain->niwad = DEFAULT_SOCKET;
    if (plain->root == NULL) plain->root = DEFAULT_ROOT;
    return true;
}
