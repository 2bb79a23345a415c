#include "help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "version.h"

static const char *own_name(void) {
    return program_invocation_short_name;
}

static void print_options(const struct rule *rules) {
    if (rules->name != NULL) puts("\nOptions:");
    for (; rules->name != NULL; rules++) {
        char letter[8] = "    ", name[48];
        if (rules->letter != 0) snprintf(letter, sizeof letter, "-%c, ", rules->letter);
        snprintf(name, sizeof name, "--%s%s%s", rules->name, rules->value == NULL ? "" : " ",
                 rules->value == NULL ? "" : rules->value);
        printf("  %s%-28s %s\n", letter, name, rules->about);
    }
}

static void print_verb(const struct verb *verb) {
    printf("NAME:\n   %s %s - %s\n\n", own_name(), verb->name, verb->about);
    printf("Usage: %s [OPTION...] %s %s\n", own_name(), verb->name, verb->arguments);
    print_options(verb->rules);
}

void print_help(const struct command *command) {
    for (size_t i = 0; command->verb != NULL && i < verb_count; i++)
        if (strcmp(verbs[i].name, command->verb) == 0) {
            print_verb(&verbs[i]);
            return;
        }
    printf("NAME:\n   %s - Open Container Initiative runtime: container engines run their containers by niwad\n\n"
           "Usage: %s [OPTION...] COMMAND ...\n\nCommands:\n",
           own_name(), own_name());
    for (size_t i = 0; i < verb_count; i++) printf("  %-10s %s\n", verbs[i].name, verbs[i].about);
    print_options(global_rules);
    printf("\n%s COMMAND --help, or help COMMAND, shows the options of a command. See docs/oci.md.\n", own_name());
}

void print_version(void) {
    printf("%s version %s\nspec: %s\n+SYSTEMD -SELINUX +APPARMOR +CAP +SECCOMP +EBPF\n", own_name(), NIWA_VERSION,
           OCI_VERSION);
}
