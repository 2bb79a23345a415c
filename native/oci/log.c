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
    if (!append("warning", text)) fprintf(stderr, "niwa-oci: warning: %s\n", text);
}

void fail(const char *format, ...) {
    char text[65536];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append("error", text);
    fprintf(stderr, "niwa-oci: %s\n", text);
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
