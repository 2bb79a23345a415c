#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *log_path;
static bool log_as_json;
static int failure_status = 1;

void log_to(const char *path, bool as_json) {
    log_as_json = as_json;
    if (path == NULL) return;
    FILE *file = fopen(path, "ae");
    if (file == NULL) fail("cannot open the log %s: %s", path, reason(errno));
    fclose(file);
    log_path = path;
}

void fail_with(int status) {
    failure_status = status;
}

// The number of the character at the beginning of a text where a terminal would act on it: control characters, and
// those that change the direction of text; else 0. Sets the length of the character in UTF-8.
static unsigned acts_on_terminal(const char *text, size_t *length) {
    const unsigned char *c = (const unsigned char *)text;
    *length = 1;
    if (c[0] < 0x20 || c[0] == 0x7f) return c[0] == '\n' || c[0] == '\t' ? 0 : c[0];
    bool is_c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;
    if (is_c1) *length = 2;
    if (is_c1) return c[1];
    if (c[0] != 0xe2 || (c[1] != 0x80 && c[1] != 0x81) || (c[2] & 0xc0) != 0x80) return 0;
    unsigned number = 0x2000u | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
    bool is_mark = number == 0x200e || number == 0x200f || (number >= 0x2028 && number <= 0x202e) ||
                   (number >= 0x2066 && number <= 0x2069);
    if (is_mark) *length = 3;
    return is_mark ? number : 0;
}

// Gives a copy of a text of a stranger in which such characters are written as in JSON (\u001b). Line ends and tabs
// stay.
static char *harmless(const char *text) {
    char *copy = malloc(6 * strlen(text) + 1), *at = copy;
    if (copy == NULL) exit(failure_status);
    for (size_t length; *text != 0; text += length) {
        unsigned number = acts_on_terminal(text, &length);
        if (number == 0)
            *at++ = *text;
        else
            at += sprintf(at, "\\u%04x", number);
    }
    *at = 0;
    return copy;
}

// Writes a text as a JSON string (RFC 8259, section 7). Bytes from 128 on are kept: they are UTF-8.
static void write_string(FILE *file, const char *text) {
    fputc('"', file);
    for (const char *c = text; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            fprintf(file, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            fputc(*c, file);
    }
    fputc('"', file);
}

static void write_line(FILE *file, const char *level, const char *text) {
    char now[32];
    time_t seconds = time(NULL);
    struct tm parts;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
    if (log_as_json) {
        fprintf(file, "{\"level\":\"%s\",\"msg\":", level);
        write_string(file, text);
        fprintf(file, ",\"time\":\"%s\"}\n", now);
    } else {
        fprintf(file, "time=\"%s\" level=%s msg=", now, level);
        write_string(file, text);
        fputc('\n', file);
    }
}

// Appends to the log. Gives false where there is none.
static bool append(const char *level, const char *text) {
    FILE *file = log_path == NULL ? NULL : fopen(log_path, "ae");
    if (file == NULL) return false;
    write_line(file, level, text);
    fclose(file);
    return true;
}

void warn(const char *text) {
    char *shown = harmless(text);
    if (!append("warning", shown)) fprintf(stderr, "niwa-oci: warning: %s\n", shown);
    free(shown);
}

void fail(const char *format, ...) {
    char text[65536];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *shown = harmless(text);
    append("error", shown);
    fprintf(stderr, "niwa-oci: %s\n", shown);
    exit(failure_status);
}

void fail_to_write(int error) {
    fail("cannot write the output: %s", reason(error));
}

const char *reason(int error) {
    static char text[128];
    snprintf(text, sizeof text, "%s", strerror(error));
    text[0] = (char)tolower((unsigned char)text[0]); // as engines look for it
    return text;
}
