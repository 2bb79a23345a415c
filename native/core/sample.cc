#include "sample.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <string_view>

namespace {

enum class Format {
    kSingle,   // "123\n"
    kKeyed,    // "key 123\n" a line
    kPressure, // "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    kDevices,  // "254:0 rbytes=1 wbytes=2\n" a line per device; the figures are added up, "devices" are their number
};

struct Source {
    const char *file;
    Format format;
    std::vector<const char *> keys;
};

const Source kSources[] = {
    {"cpu.stat",
     Format::kKeyed,
     {"usage_usec", "user_usec", "system_usec", "nr_periods", "nr_throttled", "throttled_usec", "nr_bursts",
      "burst_usec"}},
    {"io.stat", Format::kDevices, {"rbytes", "wbytes", "rios", "wios", "dbytes", "dios", "devices"}},
    {"memory.current", Format::kSingle, {nullptr}},
    {"memory.peak", Format::kSingle, {nullptr}},
    {"memory.swap.current", Format::kSingle, {nullptr}},
    {"memory.events", Format::kKeyed, {"low", "high", "max", "oom", "oom_kill", "oom_group_kill"}},
    {"pids.current", Format::kSingle, {nullptr}},
    {"pids.peak", Format::kSingle, {nullptr}},
    {"pids.events", Format::kKeyed, {"max"}},
    {"cpu.pressure", Format::kPressure, {"some avg10", "some total", "full avg10", "full total"}},
    {"memory.pressure", Format::kPressure, {"some avg10", "some total", "full avg10", "full total"}},
    {"io.pressure", Format::kPressure, {"some avg10", "some total", "full avg10", "full total"}},
};

// The first sources are read in every round. Nothing that a container does leaves them as they are, and what others do
// to it shows in io.stat (the kernel writes its pages back) and in its network counters.
constexpr size_t kActivitySources = 2;
constexpr size_t kIoStat = 1; // the place of io.stat in kSources

// The names of the last columns, and which figures of an interface they are, see proc_net_dev(5).
constexpr std::pair<const char *, int> kNetwork[] = {
    {"network:rx_bytes", 0}, {"network:rx_packets", 1}, {"network:tx_bytes", 8}, {"network:tx_packets", 9}};

constexpr size_t kTextBytes = 8192; // keyed files of the kernel are shorter than a page; io.stat has a line per device

// Finds "name" at the start of a word of the line and gives the number after it and one separator.
double find_in_line(const char *line, const char *end, const char *name, char separator) {
    size_t length = strlen(name);
    for (const char *word = line; word + length < end; word++) {
        bool starts = word == line || word[-1] == ' ';
        if (starts && word[length] == separator && memcmp(word, name, length) == 0)
            return strtod(word + length + 1, nullptr);
    }
    return NAN;
}

const char *end_of_line(const char *line) {
    const char *end = strchr(line, '\n');
    return end != nullptr ? end : line + strlen(line);
}

const char *next_line(const char *end) {
    return *end == 0 ? end : end + 1;
}

double find_keyed(const char *text, const char *key) {
    for (const char *line = text, *end; *line != 0; line = next_line(end)) {
        end = end_of_line(line);
        size_t length = strlen(key);
        if (static_cast<size_t>(end - line) > length && line[length] == ' ' && memcmp(line, key, length) == 0)
            return strtod(line + length + 1, nullptr);
    }
    return NAN;
}

// `key` is a line's first word and a field of it: "some avg10".
double find_pressure(const char *text, const char *key) {
    const char *field = strchr(key, ' ') + 1;
    for (const char *line = text, *end; *line != 0; line = next_line(end)) {
        end = end_of_line(line);
        if (memcmp(line, key, static_cast<size_t>(field - key)) == 0) return find_in_line(line, end, field, '=');
    }
    return NAN;
}

double sum_devices(const char *text, const char *key) {
    bool count = strcmp(key, "devices") == 0;
    double sum = 0;
    for (const char *line = text, *end; *line != 0; line = next_line(end)) {
        end = end_of_line(line);
        double value = find_in_line(line, end, count ? "rbytes" : key, '=');
        if (!std::isnan(value)) sum += count ? 1 : value;
    }
    return sum;
}

double find(const Source &source, const char *text, const char *key) {
    switch (source.format) {
    case Format::kSingle:
        return strtod(text, nullptr);
    case Format::kKeyed:
        return find_keyed(text, key);
    case Format::kPressure:
        return find_pressure(text, key);
    case Format::kDevices:
        return sum_devices(text, key);
    }
    return NAN;
}

// Gives the length; -1 where there is no such file, or it cannot be read.
ssize_t read_text(int file, char (&text)[kTextBytes]) {
    ssize_t n = file >= 0 ? pread(file, text, kTextBytes - 1, 0) : -1;
    text[n > 0 ? n : 0] = 0;
    return n;
}

// "  eth0: 1 2 3 ..." a line per interface.
double find_interface(const char *text, int field) {
    const char *name = strstr(text, "eth0:");
    if (name == nullptr) return NAN;
    char *next = const_cast<char *>(name + strlen("eth0:"));
    double value = NAN;
    for (int i = 0; i <= field; i++) value = static_cast<double>(strtoull(next, &next, 10));
    return value;
}

} // namespace

// The texts of the files, in the order of kSources, and of the network counters.
struct Statistics::Texts {
    struct Text {
        ssize_t length; // -1 where it could not be read
        char text[kTextBytes];

        std::string_view view() const { return {text, length > 0 ? static_cast<size_t>(length) : 0}; }
    };
    Text files[kFiles];
    Text network;

    static void add(size_t *hash, const Text &text) { *hash = *hash * 31 + std::hash<std::string_view>()(text.view()); }

    // Of what shows whether a container is idle.
    size_t hash_of_activity() const {
        size_t hash = 1;
        for (size_t i = 0; i < kActivitySources; i++) add(&hash, files[i]);
        add(&hash, network);
        return hash;
    }

    size_t hash_of_all() const {
        size_t hash = hash_of_activity();
        for (size_t i = kActivitySources; i < kFiles; i++) add(&hash, files[i]);
        return hash;
    }
};

const std::vector<std::string> &sample_columns() {
    static const std::vector<std::string> columns = [] {
        std::vector<std::string> names;
        for (const Source &source : kSources)
            for (const char *key : source.keys)
                names.push_back(key == nullptr ? source.file : std::string(source.file) + ":" + key);
        for (const auto &[name, field] : kNetwork) names.push_back(name);
        return names;
    }();
    return columns;
}

Statistics::~Statistics() {
    watch_network(Fd());
}

void Statistics::watch_network(Fd counters) {
    Fd before(network_.exchange(counters.release()));
}

int Statistics::open(const Group &group) {
    static_assert(std::size(kSources) == kFiles);
    for (size_t i = 0; i < kFiles; i++) {
        files_[i] = group.open_file(kSources[i].file);
        if (!files_[i].valid() && errno != ENOENT) return -errno;
    }
    return 0;
}

void Statistics::read_activity(Texts *texts) const {
    for (size_t i = 0; i < kActivitySources; i++)
        texts->files[i].length = read_text(files_[i].get(), texts->files[i].text);
    texts->network.length = read_text(network_, texts->network.text);
}

void Statistics::read_rest(Texts *texts) const {
    for (size_t i = kActivitySources; i < kFiles; i++)
        texts->files[i].length = read_text(files_[i].get(), texts->files[i].text);
}

void Statistics::fill(double *row, const Texts &texts) const {
    for (size_t i = 0; i < kFiles; i++)
        for (const char *key : kSources[i].keys)
            *row++ = texts.files[i].length >= 0 ? find(kSources[i], texts.files[i].text, key) : NAN;
    for (const auto &[name, field] : kNetwork)
        *row++ = texts.network.length >= 0 ? find_interface(texts.network.text, field) : NAN;
}

void Statistics::read(double *row) const {
    Texts texts;
    read_activity(&texts);
    read_rest(&texts);
    fill(row, texts);
}

Finding Statistics::read_for_round(double *row, bool may_pass) {
    Texts texts;
    read_activity(&texts);
    size_t activity = texts.hash_of_activity();
    bool is_idle = activity == seen_activity_;
    if (is_idle && may_pass) return Finding::kPassedOver;
    seen_activity_ = activity;
    read_rest(&texts);
    size_t all = texts.hash_of_all();
    if (all == seen_) return Finding::kUnchanged;
    seen_ = all;
    fill(row, texts);
    return Finding::kRead;
}

std::string Statistics::io_stat() const {
    char text[kTextBytes];
    read_text(files_[kIoStat].get(), text);
    return text;
}
