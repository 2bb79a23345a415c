// The processes of a container as ps(1) of the host shows them.
#pragma once

// Runs ps with these options, or -ef where there is none, and prints its heading and the lines of these pids: a text
// with one pid a line. Ends the program where ps is missing, or fails, or shows no column PID.
void print_lines_of(const char *pids, char **options);
