// Makes a tar of files.
#pragma once
#include <string>

// Writes a tar of a file or a directory to standard output. The names in it begin with the last part of the path, or
// with "." where that is "/", "." or "..". A link at the end of the path is packed as a link, unless `follow` or a
// slash behind it says otherwise. Sockets, devices, and what is on /proc and the like below the path are left out. Ends
// the process on a failure.
void pack(const std::string &path, bool follow);
