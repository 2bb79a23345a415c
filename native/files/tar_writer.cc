#include "tar.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

#include "fault.h"
#include "tar_header.h"

namespace {

constexpr int64_t kMostOctal = 077777777777; // that eleven digits can say
constexpr uint32_t kMostOctalId = 07777777;

template <size_t N> void put_octal(char (&field)[N], int64_t value) {
    char digits[32];
    snprintf(digits, sizeof digits, "%0*llo", static_cast<int>(N - 1), static_cast<unsigned long long>(value));
    memcpy(field, digits, N - 1);
}

std::string record(const std::string &key, const std::string &value) {
    const size_t body = key.size() + value.size() + 3;
    size_t length = body + std::to_string(body).size();
    if (body + std::to_string(length).size() != length) length = body + std::to_string(length).size();
    return std::to_string(length) + " " + key + "=" + value + "\n";
}

} // namespace

void TarWriter::flush() {
    for (size_t done = 0; done < used_;) {
        ssize_t n = write(STDOUT_FILENO, buffer_ + done, used_ - done);
        if (n < 0 && errno != EINTR) fail(errno, "cannot send the tar");
        if (n > 0) done += static_cast<size_t>(n);
    }
    used_ = 0;
}

void TarWriter::data(const char *bytes, size_t size) {
    while (size > 0) {
        size_t part = std::min(size, sizeof buffer_ - used_);
        memcpy(buffer_ + used_, bytes, part);
        used_ += part;
        bytes += part;
        size -= part;
        if (used_ == sizeof buffer_) flush();
    }
}

void TarWriter::header(const TarEntry &entry, char type, int64_t size) {
    TarHeader header = {};
    memcpy(header.name, entry.name.data(), std::min(entry.name.size(), sizeof header.name));
    memcpy(header.link, entry.link.data(), std::min(entry.link.size(), sizeof header.link));
    put_octal(header.mode, entry.mode & 07777);
    put_octal(header.uid, std::min(entry.uid, kMostOctalId));
    put_octal(header.gid, std::min(entry.gid, kMostOctalId));
    put_octal(header.size, std::min(size, kMostOctal));
    put_octal(header.mtime, std::clamp(entry.mtime, int64_t{0}, kMostOctal));
    header.type = type;
    memcpy(header.magic, "ustar\0", sizeof header.magic);
    memcpy(header.version, "00", sizeof header.version);
    snprintf(header.checksum, sizeof header.checksum, "%06o", checksum_of(header));
    header.checksum[7] = ' ';
    data(reinterpret_cast<const char *>(&header), sizeof header);
}

void TarWriter::begin(const TarEntry &entry) {
    std::string extended;
    if (entry.name.size() > sizeof TarHeader::name) extended += record("path", entry.name);
    if (entry.link.size() > sizeof TarHeader::link) extended += record("linkpath", entry.link);
    if (entry.size > kMostOctal) extended += record("size", std::to_string(entry.size));
    if (entry.uid > kMostOctalId) extended += record("uid", std::to_string(entry.uid));
    if (entry.gid > kMostOctalId) extended += record("gid", std::to_string(entry.gid));
    if (!extended.empty()) {
        TarEntry extension;
        extension.name = "PaxHeader";
        auto size = static_cast<int64_t>(extended.size());
        header(extension, 'x', size);
        data(extended.data(), extended.size());
        end_file(size);
    }
    header(entry, entry.type, entry.size);
}

void TarWriter::end_file(int64_t size) {
    const char zeros[kBlock] = {};
    data(zeros, static_cast<size_t>(padding_of(size)));
}

void TarWriter::finish() {
    const char zeros[2 * kBlock] = {};
    data(zeros, sizeof zeros);
    flush();
}
