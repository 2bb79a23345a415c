// Paths of the host that users name.
#pragma once
#include <string>
#include <vector>

// Follows all links of an absolute path. If a part is missing or cannot be read, the rest of the path is kept as it is:
// so one sees where a link leads also if its target is missing. `fence` is a list of directories: a path that has
// entered one of them may leave it only to another one, or along the way to another one. Other files are not examined
// (EACCES): otherwise the answer would say whether they exist. Gives 0 or a negative errno.
int follow_links(const std::string &path, const std::vector<std::string> &fence, std::string *real);

// Says which file is at a path: the device number of its file system and its inode. Gives 0 or a negative errno.
int describe_identity(const std::string &path, std::string *identity);

// Says what device a path is: "b 8:1", "c 1:3", or nothing for another file. Gives 0 or a negative errno.
int describe_device(const std::string &path, std::string *device);
