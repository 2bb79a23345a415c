#include "options.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

const struct rule global_rules[] = {
    {"root", 0, true},
    {"log", 0, true},
    {"log-format", 0, true},
    {"debug", 0, false},
    {"systemd-cgroup", 0, false},
    {"niwad", 0, true},
    {"rootless", 0, true},
    {"cgroup-manager", 0, true},
    {"criu", 0, true},
    {"version", 'v', false},
    {NULL, 0, false},
};

const struct verb verbs[] = {
    {"spec", "", "write a config.json that runs a shell", {{"bundle", 'b', true}, {"rootless", 0, false}}},
    {"create",
     "CONTAINER",
     "make a container, which waits for its start",
     {{"bundle", 'b', true},
      {"config", 'f', true},
      {"console-socket", 0, true},
      {"pid-file", 0, true},
      {"no-pivot", 0, false},
      {"no-new-keyring", 0, false},
      {"preserve-fds", 0, true}}},
    {"start", "CONTAINER", "start a container that was made", {{0}}},
    {"state", "CONTAINER", "show the state of a container as JSON", {{0}}},
    {"kill", "CONTAINER [SIGNAL]", "send a signal to a container; SIGTERM", {{"all", 'a', false}}},
    {"delete", "CONTAINER", "remove a container that has ended", {{"force", 'f', false}, {"regex", 'r', false}}},
    {"run",
     "CONTAINER",
     "make and start a container, wait for its end, and remove it",
     {{"bundle", 'b', true},
      {"config", 'f', true},
      {"console-socket", 0, true},
      {"pid-file", 0, true},
      {"detach", 'd', false},
      {"keep", 0, false},
      {"no-pivot", 0, false},
      {"no-new-keyring", 0, false},
      {"preserve-fds", 0, true}}},
    {"exec",
     "CONTAINER cmd ...",
     "run a further program in a container",
     {{"process", 'p', true},
      {"detach", 'd', false},
      {"tty", 't', false},
      {"env", 'e', true},
      {"cwd", 0, true},
      {"user", 'u', true},
      {"additional-gids", 'g', true},
      {"cap", 'c', true},
      {"no-new-privs", 0, false},
      {"console-socket", 0, true},
      {"pid-file", 0, true},
      {"cgroup", 0, true},
      {"preserve-fds", 0, true},
      {"ignore-paused", 0, false},
      {"apparmor", 0, true},
      {"process-label", 0, true}}},
    {"ps", "CONTAINER [OPTION of ps ...]", "show the processes of a container", {{"format", 'f', true}}},
    {"list", "", "show the containers", {{"format", 'f', true}, {"quiet", 'q', false}}},
    {"features", "", "show what this runtime can do as JSON", {{0}}},
    {"pause", "CONTAINER", "stop all processes of a container", {{0}}},
    {"resume", "CONTAINER", "let the processes of a container go on", {{0}}},
    {"update",
     "CONTAINER",
     "change limits of a container",
     {{"resources", 'r', true},
      {"memory", 0, true},
      {"memory-reservation", 0, true},
      {"memory-swap", 0, true},
      {"kernel-memory", 0, true},
      {"kernel-memory-tcp", 0, true},
      {"cpu-share", 0, true},
      {"cpu-shares", 0, true},
      {"cpu-quota", 0, true},
      {"cpu-period", 0, true},
      {"cpu-burst", 0, true},
      {"cpu-idle", 0, true},
      {"cpuset-cpus", 0, true},
      {"cpuset-mems", 0, true},
      {"pids-limit", 0, true},
      {"blkio-weight", 0, true}}},
    {"checkpoint",
     "CONTAINER",
     "write a container into images by CRIU, and delete it",
     {{"image-path", 0, true},
      {"work-path", 0, true},
      {"leave-running", 0, false},
      {"tcp-established", 0, false},
      {"ext-unix-sk", 0, false},
      {"shell-job", 0, false},
      {"file-locks", 0, false},
      {"manage-cgroups-mode", 0, true},
      {"empty-ns", 0, true},
      {"pre-dump", 0, false},
      {"parent-path", 0, true},
      {"lazy-pages", 0, false},
      {"page-server", 0, true},
      {"status-fd", 0, true},
      {"auto-dedup", 0, false}}},
    {"restore",
     "CONTAINER",
     "make a container of images by CRIU",
     {{"image-path", 0, true},
      {"work-path", 0, true},
      {"bundle", 'b', true},
      {"config", 'f', true},
      {"detach", 'd', false},
      {"pid-file", 0, true},
      {"console-socket", 0, true},
      {"tcp-established", 0, false},
      {"ext-unix-sk", 0, false},
      {"shell-job", 0, false},
      {"file-locks", 0, false},
      {"manage-cgroups-mode", 0, true},
      {"empty-ns", 0, true},
      {"lsm-profile", 0, true},
      {"lsm-mount-context", 0, true},
      {"no-pivot", 0, false},
      {"no-subreaper", 0, false},
      {"lazy-pages", 0, false},
      {"auto-dedup", 0, false}}},
    {"events",
     "CONTAINER",
     "show what a container uses, until it has ended",
     {{"stats", 0, false}, {"interval", 0, true}}},
};

const size_t verb_count = sizeof verbs / sizeof *verbs;

static const struct rule *find_rule(const struct rule *rules, const char *word, size_t length) {
    for (; rules->name != NULL; rules++)
        if (strlen(rules->name) == length && strncmp(rules->name, word, length) == 0) return rules;
    return NULL;
}

static const struct rule *find_letter(const struct rule *rules, char letter) {
    for (; rules->name != NULL; rules++)
        if (rules->letter == letter) return rules;
    return NULL;
}

// Reads options up to the first word that is none, or "--". Gives the index of the word behind them.
static int parse_options(int argc, char **argv, int at, const struct rule *rules, struct command *command) {
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != 0; at++) {
        const char *word = argv[at];
        if (strcmp(word, "--") == 0) return at + 1;
        const char *name = word + (word[1] == '-' ? 2 : 1);
        size_t length = strcspn(name, "=");
        const char *value = name[length] == '=' ? name + length + 1 : NULL;
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            command->help = true;
            continue;
        }
        const struct rule *rule = length == 1 ? find_letter(rules, name[0]) : find_rule(rules, name, length);
        if (rule == NULL) fail("there is no option %s here; see niwa-oci --help", word);
        if (rule->takes_value && value == NULL) {
            if (++at >= argc) fail("the option %s needs a value", word);
            value = argv[at];
        }
        if (command->option_count == MAX_OPTIONS) fail("more than %d options are given", MAX_OPTIONS);
        command->options[command->option_count].name = rule->name;
        command->options[command->option_count++].value = value == NULL ? "true" : value;
    }
    return at;
}

// Reads options and arguments in any order, as other runtimes do: "update ID --memory 1g". What follows the id of an
// exec or a ps are words of another program. The arguments are moved to the front.
static void parse_rest(int argc, char **argv, int at, const struct verb *verb, struct command *command) {
    bool ends = strcmp(verb->name, "exec") == 0 || strcmp(verb->name, "ps") == 0;
    command->arguments = argv + at;
    while (at < argc) {
        int next = parse_options(argc, argv, at, verb->rules, command);
        ends = ends || (next > at && strcmp(argv[next - 1], "--") == 0);
        for (at = next; at < argc && (ends || argv[at][0] != '-' || argv[at][1] == 0); at++)
            command->arguments[command->argument_count++] = argv[at];
    }
    command->arguments[command->argument_count] = NULL;
}

static const struct verb *find_verb(const char *name, bool asks_help) {
    for (size_t i = 0; i < verb_count; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    if (asks_help) fail("No help topic for '%s': there is no such command; see niwa-oci --help", name);
    fail("there is no command %s; see niwa-oci --help", name);
}

struct command parse_command(int argc, char **argv) {
    struct command command = {0};
    int at = parse_options(argc, argv, 1, global_rules, &command);
    const char *format = option(&command, "log-format");
    bool is_json = format != NULL && strcmp(format, "json") == 0;
    log_to(option(&command, "log"), is_json);
    if (format != NULL && !is_json && strcmp(format, "text") != 0)
        fail("unknown log format \"%s\": text or json", format);
    if (at >= argc) return command;
    bool asks = at + 1 < argc && (strcmp(argv[at + 1], "-h") == 0 || strcmp(argv[at + 1], "--help") == 0);
    const struct verb *verb = find_verb(argv[at], asks);
    command.verb = verb->name;
    parse_rest(argc, argv, at + 1, verb, &command);
    return command;
}

const char *option(const struct command *command, const char *name) {
    for (size_t i = command->option_count; i > 0; i--)
        if (strcmp(command->options[i - 1].name, name) == 0) return command->options[i - 1].value;
    return NULL;
}

bool has_option(const struct command *command, const char *name) {
    const char *value = option(command, name);
    return value != NULL && strcmp(value, "false") != 0;
}
