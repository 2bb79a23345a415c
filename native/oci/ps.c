#include "ps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

// The words of a line are between these.
#define SPACE " \t\n"
// The exit status of the child where there is no ps.
#define NOT_FOUND 127

static _Noreturn void become_ps(char **options, int output) {
    size_t count = 0;
    while (options[count] != NULL) count++;
    char *args[count + 3], every[] = "-ef", name[] = "ps";
    args[0] = name;
    args[1] = every;
    args[2] = NULL;
    if (count > 0) memcpy(args + 1, options, (count + 1) * sizeof *args);
    if (dup2(output, STDOUT_FILENO) >= 0) execvp(name, args);
    _exit(NOT_FOUND);
}

// The index of the column PID in a heading, or -1.
static int pid_column(const char *heading) {
    for (int column = 0;; column++) {
        heading += strspn(heading, SPACE);
        size_t length = strcspn(heading, SPACE);
        if (length == 0) return -1;
        if (length == 3 && strncmp(heading, "PID", 3) == 0) return column;
        heading += length;
    }
}

// The number in a column of a line, or 0.
static long number_in(const char *line, int column) {
    for (; column > 0; column--) {
        line += strspn(line, SPACE);
        line += strcspn(line, SPACE);
    }
    return strtol(line, NULL, 10);
}

static bool has_pid(const char *pids, long pid) {
    for (char *end; *pids != 0; pids = end) {
        long each = strtol(pids, &end, 10);
        if (end == pids) return false;
        if (each == pid) return true;
    }
    return false;
}

static void print_matching(FILE *lines, const char *pids) {
    char *line = NULL;
    size_t room = 0;
    if (getline(&line, &room, lines) < 0) return;
    int column = pid_column(line);
    if (column < 0) fail("ps shows no column PID with these options");
    fputs(line, stdout);
    while (getline(&line, &room, lines) > 0)
        if (has_pid(pids, number_in(line, column))) fputs(line, stdout);
    free(line);
}

void print_lines_of(const char *pids, char **options) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) fail("cannot make a pipe: %s", reason(errno));
    pid_t child = fork();
    if (child < 0) fail("cannot start ps: %s", reason(errno));
    if (child == 0) become_ps(options, ends[1]);
    close(ends[1]);
    FILE *lines = fdopen(ends[0], "r");
    if (lines == NULL) fail("cannot read from ps: %s", reason(errno));
    print_matching(lines, pids);
    fclose(lines);
    int status;
    if (waitpid(child, &status, 0) < 0) fail("cannot wait for ps: %s", reason(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        fail("there is no ps on this host: install procps, or take --format json");
    if (status != 0) fail("ps has failed");
}
