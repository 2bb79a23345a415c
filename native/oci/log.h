// The errors and warnings of niwa-oci, as engines read them: on the standard error, and as a line of the file of --log.
#pragma once
#include <stdbool.h>

// Where errors are logged from now on: a path or NULL, and whether as JSON. Ends the program where it cannot be opened.
void log_to(const char *path, bool as_json);

// Sets the exit status of fail(), which is 1 before.
void fail_with(int status);

// Logs a warning; without a log it goes to the standard error.
void warn(const char *text);

// Logs an error, and ends the program. What is registered by atexit(3) runs.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Logs that the standard output takes no more, with an errno, and ends the program.
_Noreturn void fail_to_write(int error);

// The words for an errno that engines look for, such as "no such file or directory".
const char *reason(int error);
