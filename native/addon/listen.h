// The socket of the API.
#pragma once
#include <string>

// Makes a Unix stream socket that listens at `path`, where nothing may be. Gives a descriptor that the caller owns, or
// a negative errno.
int listen_at(const std::string &path, int backlog);
