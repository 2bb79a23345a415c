// The header of each file in a tar, and what reader and writer do with it.
#pragma once
#include <cstddef>
#include <cstdint>

constexpr size_t kBlock = 512;

struct TarHeader {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2],
        uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(TarHeader) == kBlock);

// How many bytes fill up the last block of contents of this size.
inline int64_t padding_of(int64_t size) {
    return -size & static_cast<int64_t>(kBlock - 1);
}

// The sum of all bytes, with spaces in place of the checksum itself.
inline unsigned checksum_of(const TarHeader &header) {
    const auto *bytes = reinterpret_cast<const unsigned char *>(&header);
    unsigned sum = 0;
    for (size_t i = 0; i < kBlock; i++) {
        bool inside = i >= offsetof(TarHeader, checksum) && i < offsetof(TarHeader, checksum) + sizeof header.checksum;
        sum += inside ? ' ' : bytes[i];
    }
    return sum;
}
