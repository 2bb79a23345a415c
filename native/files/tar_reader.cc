#include "tar.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "fault.h"
#include "tar_header.h"

namespace {

constexpr int64_t kMostOfExtension = 1024 * 1024; // of the names and attributes of one file
constexpr int64_t kMostBytes = INT64_MAX - 1024;  // so that a rounded size is still a number

// Octal digits, or the binary form of GNU tar, whose first byte is 0x80.
template <size_t N> int64_t number_of(const char (&field)[N]) {
    const auto *bytes = reinterpret_cast<const unsigned char *>(field);
    uint64_t value = 0;
    if ((bytes[0] & 0x80) != 0) {
        for (size_t i = 0; i < N; i++) {
            unsigned byte = i == 0 ? bytes[i] & 0x7fu : bytes[i];
            if (value >> 55 != 0) fail(EBADMSG, "the tar has a number that is too large");
            value = value << 8 | byte;
        }
        return static_cast<int64_t>(value);
    }
    size_t i = 0;
    while (i < N && bytes[i] == ' ') i++;
    for (; i < N && bytes[i] >= '0' && bytes[i] <= '7'; i++) value = value << 3 | (bytes[i] - '0');
    if (i < N && bytes[i] != ' ' && bytes[i] != 0) fail(EBADMSG, "this is no tar, or it is damaged");
    return static_cast<int64_t>(value);
}

template <size_t N> std::string text_of(const char (&field)[N]) {
    return std::string(field, strnlen(field, N));
}

int64_t decimal(const std::string &text) {
    char *end;
    errno = 0;
    long long value = strtoll(text.c_str(), &end, 10);
    if (errno != 0 || end == text.c_str() || (*end != 0 && *end != '.'))
        fail(EBADMSG, "the tar has a number that is none");
    return value;
}

uint32_t id_of(int64_t value) {
    if (value < 0 || value >= UINT32_MAX) fail(EBADMSG, "the tar has a user or a group that is no number of one");
    return static_cast<uint32_t>(value);
}

// The values of an extended header that replace those of the header behind it.
struct Extended {
    std::string name, link;
    bool has_size = false, has_uid = false, has_gid = false, has_mtime = false;
    int64_t size = 0, uid = 0, gid = 0, mtime = 0;

    void take(const std::string &key, const std::string &value) {
        if (key == "path") name = value;
        if (key == "linkpath") link = value;
        if (key == "size") size = decimal(value), has_size = true;
        if (key == "uid") uid = decimal(value), has_uid = true;
        if (key == "gid") gid = decimal(value), has_gid = true;
        if (key == "mtime") mtime = decimal(value), has_mtime = true;
        if (key.compare(0, 11, "GNU.sparse.") == 0)
            fail(EBADMSG, "the tar has a sparse file of GNU tar: make it without --sparse");
    }

    // Reads records of the form "LENGTH KEY=VALUE\n".
    void take_all(const std::string &records) {
        for (size_t at = 0; at < records.size();) {
            size_t space = records.find(' ', at), equals = records.find('=', at);
            size_t length = strtoull(records.c_str() + at, nullptr, 10);
            bool fits = length > 0 && length <= records.size() - at && space != std::string::npos &&
                        equals != std::string::npos && space < equals && equals < at + length &&
                        records[at + length - 1] == '\n';
            if (!fits) fail(EBADMSG, "the tar has an extended header that is none");
            take(records.substr(space + 1, equals - space - 1), records.substr(equals + 1, at + length - 2 - equals));
            at += length;
        }
    }
};

std::string name_of(const TarHeader &header) {
    const bool is_posix = memcmp(header.magic, "ustar\0", sizeof header.magic) == 0;
    std::string prefix = is_posix ? text_of(header.prefix) : "";
    return prefix.empty() ? text_of(header.name) : prefix + "/" + text_of(header.name);
}

void require_text(const std::string &name) {
    if (name.size() >= PATH_MAX) fail(EBADMSG, "the tar has a name that is longer than a path may be");
    if (name.find('\0') != std::string::npos) fail(EBADMSG, "the tar has a name with a zero byte");
}

bool is_empty(const TarHeader &header) {
    const auto *bytes = reinterpret_cast<const char *>(&header);
    return std::all_of(bytes, bytes + kBlock, [](char byte) { return byte == 0; });
}

} // namespace

size_t TarReader::read_some(char *bytes, size_t size) {
    if (first_ == end_) {
        ssize_t n;
        do n = read(STDIN_FILENO, buffer_, sizeof buffer_);
        while (n < 0 && errno == EINTR);
        if (n < 0) fail(errno, "cannot read the tar");
        first_ = 0;
        end_ = static_cast<size_t>(n);
    }
    size_t part = std::min(size, end_ - first_);
    memcpy(bytes, buffer_ + first_, part);
    first_ += part;
    return part;
}

void TarReader::read_exactly(char *bytes, size_t size) {
    while (size > 0) {
        size_t n = read_some(bytes, size);
        if (n == 0) fail(EBADMSG, "the tar ends too early");
        bytes += n;
        size -= n;
    }
}

void TarReader::skip(int64_t size) {
    char bytes[4096];
    while (size > 0) {
        size_t part = std::min(sizeof bytes, static_cast<size_t>(size));
        read_exactly(bytes, part);
        size -= static_cast<int64_t>(part);
    }
}

void TarReader::drain() {
    char bytes[4096];
    while (read_some(bytes, sizeof bytes) > 0) continue;
}

std::string TarReader::extension(int64_t size) {
    if (size > kMostOfExtension) fail(EBADMSG, "the tar has an extended header that is too long");
    std::string text(static_cast<size_t>(size), 0);
    read_exactly(text.data(), text.size());
    skip(padding_of(size));
    return text;
}

size_t TarReader::data(char *bytes, size_t size) {
    size_t part = std::min(size, static_cast<size_t>(left_));
    read_exactly(bytes, part);
    left_ -= static_cast<int64_t>(part);
    return part;
}

bool TarReader::next(TarEntry *entry) {
    skip(left_);
    skip(padding_);
    left_ = padding_ = 0;
    Extended extended;
    for (;;) {
        TarHeader header;
        read_exactly(reinterpret_cast<char *>(&header), sizeof header);
        if (is_empty(header)) return false;
        if (number_of(header.checksum) != checksum_of(header)) fail(EBADMSG, "this is no tar, or it is damaged");
        int64_t size = extended.has_size ? extended.size : number_of(header.size);
        if (size < 0 || size > kMostBytes) fail(EBADMSG, "the tar has a size that is none");
        if (header.type == 'x') {
            extended.take_all(extension(size));
            continue;
        }
        if (header.type == 'L' || header.type == 'K') {
            std::string name = extension(size);
            name.resize(strnlen(name.data(), name.size()));
            (header.type == 'L' ? extended.name : extended.link) = name;
            continue;
        }
        if (header.type == 'g') {
            skip(size);
            skip(padding_of(size));
            continue;
        }
        entry->name = extended.name.empty() ? name_of(header) : extended.name;
        entry->link = extended.link.empty() ? text_of(header.link) : extended.link;
        require_text(entry->name);
        require_text(entry->link);
        entry->type = header.type == 0 || header.type == '7' ? kTarFile : header.type;
        if (entry->type == kTarFile && !entry->name.empty() && entry->name.back() == '/') entry->type = kTarDirectory;
        entry->mode = static_cast<uint32_t>(number_of(header.mode)) & 07777;
        entry->uid = id_of(extended.has_uid ? extended.uid : number_of(header.uid));
        entry->gid = id_of(extended.has_gid ? extended.gid : number_of(header.gid));
        entry->mtime = extended.has_mtime ? extended.mtime : number_of(header.mtime);
        entry->size = entry->type == kTarFile ? size : 0;
        // Only a file has contents, whatever size the header of another one says (pax(1)).
        const bool has_contents = entry->type == kTarFile || entry->type < '0' || entry->type > '6';
        left_ = has_contents ? size : 0;
        padding_ = padding_of(left_);
        return true;
    }
}
