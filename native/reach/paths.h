// What others name on the host, looked at.
#pragma once
#include <string>
#include <vector>

// Follows every link of an absolute path. What is missing, or cannot be looked at, is kept as it is written after what
// could be followed, so that a link shows where it leads also where nothing is there. Where there is a fence, a path
// that has come into one of its directories may leave it only for another, or on the way to one: of all else nothing is
// looked at (EACCES), since whether the walk comes back would tell what is there. Gives 0 or a negative errno.
int follow_links(const std::string &path, const std::vector<std::string> &fence, std::string *real);

// Says what device a path is: "b 8:1", "c 1:3", or nothing for another file. Gives 0 or a negative errno.
int describe_device(const std::string &path, std::string *device);
