// The figures of what containers use.
#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <string>
#include <unistd.h>

#include "../../core/fd.h"
#include "addon.h"
#include "face.h"

namespace {

// sample(handles, rows, idle?)
//
// `idle` has a number for each handle: not 0 where the container is passed over if it is idle; it becomes the Finding.
Value sample(Info info) {
    Monitor &monitor = *addon_of(info).monitor;
    auto handles = info[0].As<Napi::Uint32Array>();
    auto rows = info[1].As<Napi::Float64Array>();
    bool is_round = info[2].IsTypedArray();
    auto idle = is_round ? info[2].As<Napi::Uint8Array>() : Napi::Uint8Array();
    size_t width = sample_columns().size();
    size_t count = handles.ElementLength();
    if (rows.ElementLength() < count * width || (is_round && idle.ElementLength() < count)) {
        Napi::RangeError::New(info.Env(), "rows or idle is too small for the handles").ThrowAsJavaScriptException();
        return info.Env().Undefined();
    }
    uint8_t *findings = is_round ? idle.Data() : nullptr;
    auto containers = monitor.find_all(handles.Data(), count);
    for (size_t i = 0; i < count; i++) {
        Container *container = containers[i].get();
        double *row = rows.Data() + i * width;
        Finding found = Finding::kRead;
        if (container == nullptr)
            std::fill(row, row + width, __builtin_nan(""));
        else if (is_round)
            found = container->statistics.read_for_round(row, findings[i] != 0);
        else
            container->statistics.read(row);
        if (is_round) findings[i] = static_cast<uint8_t>(found);
    }
    return info.Env().Undefined();
}

// ioStat(handle): string
Value io_stat(Info info) {
    auto container = container_of(info);
    return Napi::String::New(info.Env(), container ? container->statistics.io_stat() : "");
}

// Reads to the end: the kernel gives a long file, such as an id map, in parts of a page, however much is asked for.
Value file_text(Napi::Env env, const Fd &directory, const std::string &name) {
    Fd file(openat(directory.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid()) return env.Null();
    std::string text;
    char part[16 * 1024];
    ssize_t n;
    while ((n = read(file.get(), part, sizeof part)) > 0) text.append(part, static_cast<size_t>(n));
    return n < 0 ? env.Null() : Napi::String::New(env, text);
}

Value link_text(Napi::Env env, const Fd &directory, const std::string &name) {
    char text[PATH_MAX];
    ssize_t n = readlinkat(directory.get(), name.c_str(), text, sizeof text);
    return n < 0 ? env.Null() : Napi::String::New(env, text, static_cast<size_t>(n));
}

// readFiles(directory, files, links): the texts of the files, then of the links, null for each that cannot be read;
// null without the directory
Value read_files(Info info) {
    Napi::Env env = info.Env();
    Fd directory(open(to_string(info[0]).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid()) return env.Null();
    auto [files, links] = std::pair(info[1].As<Napi::Array>(), info[2].As<Napi::Array>());
    auto texts = Napi::Array::New(env, files.Length() + links.Length());
    for (uint32_t i = 0; i < files.Length(); i++) texts.Set(i, file_text(env, directory, to_string(files[i])));
    for (uint32_t i = 0; i < links.Length(); i++)
        texts.Set(files.Length() + i, link_text(env, directory, to_string(links[i])));
    return texts;
}

} // namespace

void export_readings(Napi::Env env, Napi::Object exports) {
    auto columns = Napi::Array::New(env);
    for (const std::string &name : sample_columns()) columns.Set(columns.Length(), name);
    exports.Set("columns", columns);
    export_all(env, exports, {{"sample", sample}, {"ioStat", io_stat}, {"readFiles", read_files}});
}
