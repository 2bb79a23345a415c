#include "options.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

struct rule {
    const char *name;
    char letter; // of the short form, or 0
    bool takes_value;
};

#define MAX_RULES 24
static const struct rule global_rules[] = {
    {"root", 0, true},
    {"log", 0, true},
    {"log-format", 0, true},
    {"debug", 0, false},
    {"systemd-cgroup", 0, false},
    {"niwad", 0, true},
    {"rootless", 0, true},
    {"cgroup-manager", 0, true},
    {"version", 'v', false},
    {NULL, 0, false},
};

static const struct verb {
    const char *name, *usage;
    struct rule rules[MAX_RULES];
} verbs[] = {
    {"spec", "[--bundle DIR]", {{"bundle", 'b', true}}},
    {"create",
     "[--bundle DIR] [--pid-file FILE] [--console-socket SOCKET] ID",
     {{"bundle", 'b', true},
      {"config", 'f', true},
      {"console-socket", 0, true},
      {"pid-file", 0, true},
      {"no-pivot", 0, false},
      {"no-new-keyring", 0, false},
      {"preserve-fds", 0, true}}},
    {"start", "ID", {{0}}},
    {"state", "ID", {{0}}},
    {"kill", "[--all] ID [SIGNAL]", {{"all", 'a', false}}},
    {"delete", "[--force] ID", {{"force", 'f', false}}},
    {"run",
     "[--bundle DIR] [--detach] [--keep] [--pid-file FILE] [--console-socket SOCKET] ID",
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
     "[--tty] [--detach] [--env NAME=VALUE] [--cwd DIR] [--user UID[:GID]] [--process FILE] ID PROGRAM ...",
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
    {"ps", "[--format table|json] ID [OPTION of ps ...]", {{"format", 'f', true}}},
    {"list", "[--format table|json] [--quiet]", {{"format", 'f', true}, {"quiet", 'q', false}}},
    {"features", "", {{0}}},
    {"pause", "ID", {{0}}},
    {"resume", "ID", {{0}}},
    {"update",
     "[--resources FILE|-] [--memory BYTES] [--cpu-quota USEC] [--pids-limit N] ... ID",
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
    {"events", "[--stats] [--interval TIME] ID", {{"stats", 0, false}, {"interval", 0, true}}},
};

// Verbs of other runtimes that there are none of here.
static const char *const missing[] = {"checkpoint", "restore"};

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

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (strcmp(missing[i], name) == 0)
            fail("niwa-oci has no %s: processes that CRIU restores are not born in a group of niwad", name);
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
    const struct verb *verb = find_verb(argv[at]);
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

void print_help(const struct command *command) {
    for (size_t i = 0; command->verb != NULL && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, command->verb) == 0) {
            printf("Usage: niwa-oci %s %s\n", verbs[i].name, verbs[i].usage);
            return;
        }
    puts("niwa-oci: lets container engines (podman, containerd ...) run their containers by niwad\n\n"
         "Usage: niwa-oci [--root DIR] [--log FILE] [--log-format text|json] [--niwad SOCKET] COMMAND ...\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        printf("  niwa-oci %s %s\n", verbs[i].name, verbs[i].usage);
    puts("\nniwad listens on RUN_DIR/oci.sock; --niwad or NIWA_OCI_SOCKET names another path. See docs/oci.md.");
}
