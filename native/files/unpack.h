// Unpacks a tar.
#pragma once
#include <string>

struct UnpackOptions {
    std::string target; // a path, whose links are followed but for the last part of one that is no directory
    // Where set, the tar has one file or one tree. It is placed as `name` in the target where that is a directory ("."
    // for the directory itself), else it becomes the target. Where empty, the tar's own names are used in the target,
    // which must be a directory.
    std::string name;
    bool keep_owner = false; // whether files get the owners that the tar says, else the user who unpacks
    // Whether the tar is a stranger's: no file gets set-user-ID, set-group-ID and sticky bits, and no link below the
    // target is followed.
    bool plain = false;
};

// Reads a tar from standard input and makes its files. None is made outside the target, or the tree that becomes the
// target, whatever the names and links in the tar are, and whoever changes the directories meanwhile. Devices are left
// out. Ends the process on a failure; what was made before is left.
void unpack(const UnpackOptions &options);
