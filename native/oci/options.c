#include "options.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

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

static void add_option(struct command *command, const char *name, const char *value) {
    if (command->option_count == MAX_OPTIONS) fail("more than %d options are given", MAX_OPTIONS);
    command->options[command->option_count].name = name;
    command->options[command->option_count++].value = value == NULL ? "true" : value;
}

// Takes the letters of a word such as "-td", of which only the last may need a value. Gives the rule of the last one;
// NULL, with nothing taken, where the word is no such one.
static const struct rule *take_letters(const char *letters, size_t length, const struct rule *rules,
                                       struct command *command) {
    for (size_t i = 0; i < length; i++) {
        const struct rule *rule = find_letter(rules, letters[i]);
        if (rule == NULL || (i + 1 < length && rule->value != NULL)) return NULL;
    }
    for (size_t i = 0; i + 1 < length; i++) add_option(command, find_letter(rules, letters[i])->name, NULL);
    return find_letter(rules, letters[length - 1]);
}

// Reads options up to the first word that is none, or "--". Gives the index of the word behind them. Other runtimes
// take a long name behind one dash, too.
static int parse_options(int argc, char **argv, int at, const struct rule *rules, struct command *command) {
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != 0; at++) {
        const char *word = argv[at];
        if (strcmp(word, "--") == 0) return at + 1;
        bool is_long = word[1] == '-';
        const char *name = word + (is_long ? 2 : 1);
        size_t length = strcspn(name, "=");
        const char *value = name[length] == '=' ? name + length + 1 : NULL;
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            command->help = true;
            continue;
        }
        const struct rule *rule = find_rule(rules, name, length);
        if (rule == NULL && !is_long && length > 0) rule = take_letters(name, length, rules, command);
        if (rule == NULL) fail("there is no option %s here; see niwa-oci --help", word);
        if (rule->value != NULL && value == NULL) {
            if (++at >= argc) fail("the option %s needs a value", word);
            value = argv[at];
        }
        add_option(command, rule->name, value);
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

static void check_arguments(const struct command *command, const struct verb *verb) {
    if (command->argument_count > verb->most_arguments)
        fail("%s takes no argument \"%s\": niwa-oci %s%s%s", verb->name, command->arguments[verb->most_arguments],
             verb->name, verb->most_arguments > 0 ? " " : "", verb->arguments);
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
    if (at < argc && strcmp(argv[at], "help") == 0) {
        command.help = true;
        command.verb = at + 1 < argc ? find_verb(argv[at + 1], true)->name : NULL;
        return command;
    }
    if (at >= argc) return command;
    bool asks = at + 1 < argc && (strcmp(argv[at + 1], "-h") == 0 || strcmp(argv[at + 1], "--help") == 0);
    const struct verb *verb = find_verb(argv[at], asks);
    command.verb = verb->name;
    parse_rest(argc, argv, at + 1, verb, &command);
    if (!command.help) check_arguments(&command, verb);
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
