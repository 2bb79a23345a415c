// The socket of the API.
#pragma once
#include <string>

// Makes a Unix stream socket that listens at `path`, where nothing may be. Gives a descriptor that the caller owns, or
// a negative errno.
int listen_at(const std::string &path, int backlog);

// Lets owner, owning group and one more group read and write a file, and nobody else (acl(5)). Gives 0 or a negative
// errno, -EOPNOTSUPP where the file system has no such lists.
int admit_group(const std::string &path, gid_t gid);
