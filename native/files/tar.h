// Tars, as tar(5) and pax(1) describe them: ustar, with the extended headers of pax; the long names of GNU tar are
// read, too. All that is read may come from a stranger.
#pragma once
#include <cstdint>
#include <string>

// One file of a tar. Its contents, `size` bytes, follow it.
struct TarEntry {
    std::string name;
    std::string link;  // where a link leads
    char type = '0';   // kTar...
    uint32_t mode = 0; // the permission bits
    uint32_t uid = 0, gid = 0;
    int64_t size = 0;
    int64_t mtime = 0; // seconds since 1970
};

constexpr char kTarFile = '0', kTarHardLink = '1', kTarSymlink = '2', kTarCharacter = '3', kTarBlock = '4',
               kTarDirectory = '5', kTarFifo = '6';

// Writes a tar to standard output. Ends the process where that fails: nobody reads the rest.
class TarWriter {
  public:
    // Begins a file; `size` bytes have to follow by data().
    void begin(const TarEntry &entry);
    void data(const char *bytes, size_t size);
    // Ends the file that was begun last: fills up its last block.
    void end_file(int64_t size);
    // Ends the tar.
    void finish();

  private:
    void header(const TarEntry &entry, char type, int64_t size);
    void flush();

    char buffer_[64 * 1024];
    size_t used_ = 0;
};

// Reads a tar from standard input. Ends the process where the input is no tar or ends too early.
class TarReader {
  public:
    // Reads the next file; skips what is left of the one before. Gives false at the end.
    bool next(TarEntry *entry);
    // Reads up to `size` bytes of the contents. Gives 0 at their end.
    size_t data(char *bytes, size_t size);
    // Reads and discards all up to the end of the input: its writer must not find it closed.
    void drain();

  private:
    size_t read_some(char *bytes, size_t size);
    void read_exactly(char *bytes, size_t size);
    void skip(int64_t size);
    std::string extension(int64_t size);

    char buffer_[64 * 1024];
    size_t first_ = 0, end_ = 0;
    int64_t left_ = 0;    // of the contents
    int64_t padding_ = 0; // behind the contents
};
