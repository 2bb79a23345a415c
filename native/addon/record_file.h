// Appending records to the last segment of the ledger.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

// What is appended to an open file, and what the file has to be afterwards.
struct Append {
    int fd; // open for appending; the caller closes it after the answer
    std::string path;
    std::vector<uint8_t> bytes;
    uint64_t end; // the size of the file with these bytes, as nobody else writes to it
};

struct Appended {
    // What the path names after the append: the file as it was written, the file with another size, or another file
    // or none.
    enum Named { kFile, kChanged, kGone };

    int error = 0;        // 0, or the negative errno of the write or of the sync
    bool written = false; // whether all bytes were written; with an error, whether it was the sync that failed
    Named named = kFile;
    uint64_t size = 0; // of the file, where it is kChanged
};

// Writes the bytes, puts them on disk, and looks what the path names: another program may move, remove or cut the file,
// and the kernel still takes writes and syncs without an error. Blocks for as long as the disk needs.
Appended append_synced(const Append &append);
