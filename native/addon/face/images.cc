// The layers of images: made, finished and read.
#include <cerrno>
#include <unistd.h>

#include "../../core/layers.h"
#include "../unpack.h"
#include "face.h"
#include "promises.h"

namespace {

std::string to_byte_string(const Value &value) {
    auto bytes = value.As<Napi::Uint8Array>();
    return std::string(reinterpret_cast<const char *>(bytes.Data()), bytes.ByteLength());
}

LayerEntry::Kind to_kind(const std::string &name) {
    if (name == "file") return LayerEntry::kFile;
    if (name == "directory") return LayerEntry::kDirectory;
    if (name == "symlink") return LayerEntry::kSymlink;
    if (name == "link") return LayerEntry::kLink;
    if (name == "fifo") return LayerEntry::kFifo;
    return name == "whiteout" ? LayerEntry::kWhiteout : LayerEntry::kOpaque;
}

LayerEntry to_entry(const Value &value) {
    auto object = value.As<Napi::Object>();
    LayerEntry entry;
    entry.kind = to_kind(to_string(object.Get("kind")));
    entry.path = to_byte_string(object.Get("path"));
    entry.target = to_byte_string(object.Get("target"));
    entry.mode = to_u32(object.Get("mode"));
    entry.uid = to_u32(object.Get("uid"));
    entry.gid = to_u32(object.Get("gid"));
    entry.mtime_sec = object.Get("mtimeSec").As<Napi::Number>().Int64Value();
    entry.mtime_nsec = object.Get("mtimeNsec").As<Napi::Number>().Int64Value();
    auto xattrs = object.Get("xattrs").As<Napi::Array>();
    for (uint32_t i = 0; i < xattrs.Length(); i++) {
        auto pair = xattrs.Get(i).As<Napi::Array>();
        entry.xattrs.emplace_back(to_byte_string(pair.Get(0u)), to_byte_string(pair.Get(1u)));
    }
    return entry;
}

std::vector<int> to_fds(const Value &value) {
    auto array = value.As<Napi::Array>();
    std::vector<int> fds;
    for (uint32_t i = 0; i < array.Length(); i++) fds.push_back(to_int(array.Get(i)));
    return fds;
}

Value from_directories(Napi::Env env, const std::vector<MadeDirectory> &directories) {
    auto array = Napi::Array::New(env, directories.size());
    for (uint32_t i = 0; i < directories.size(); i++) {
        auto object = Napi::Object::New(env);
        object.Set("path", Napi::Buffer<char>::Copy(env, directories[i].path.data(), directories[i].path.size()));
        object.Set("mtimeSec", static_cast<double>(directories[i].mtime_sec));
        object.Set("mtimeNsec", static_cast<double>(directories[i].mtime_nsec));
        array.Set(i, object);
    }
    return array;
}

// What a worker thread makes, and what has come of it.
struct Making {
    std::vector<int> layers;
    LayerEntry entry;
    Made made;
    int error = 0;
};

Value from_making(Napi::Env env, Making *making) {
    if (making->error < 0) return from_number(env, making->error);
    auto object = Napi::Object::New(env);
    object.Set("fd", making->made.file.release());
    object.Set("directories", from_directories(env, making->made.directories));
    object.Set("copiedBytes", static_cast<double>(making->made.copied_bytes));
    return object;
}

// unpackBegin(layers): Promise<-errno | {fd, directories, copiedBytes}>
Value begin(Info info) {
    auto making = std::make_shared<Making>();
    making->layers = to_fds(info[0]);
    return Task::run(
        info.Env(),
        [making] {
            making->made.directories.emplace_back();
            making->error = begin_layer(making->layers, &making->made.directories.back());
        },
        [making](Napi::Env env) { return from_making(env, making.get()); });
}

// unpackMake(layers, entry, maxBytes): Promise<-errno | {fd, directories, copiedBytes}>
Value make(Info info) {
    auto making = std::make_shared<Making>();
    making->layers = to_fds(info[0]);
    making->entry = to_entry(info[1]);
    auto max_bytes = to_u64(info[2]);
    return Task::run(
        info.Env(),
        [making, max_bytes] { making->error = make_entry(making->layers, making->entry, max_bytes, &making->made); },
        [making](Napi::Env env) { return from_making(env, making.get()); });
}

// A promise of the errno of a call on a descriptor and an entry.
Value run_on_entry(Info info, int (*call)(int fd, const LayerEntry &entry)) {
    auto making = std::make_shared<Making>();
    int fd = to_int(info[0]);
    making->entry = to_entry(info[1]);
    return Task::run(
        info.Env(), [making, fd, call] { making->error = call(fd, making->entry); },
        [making](Napi::Env env) -> Value { return from_result(env, making->error); });
}

// unpackFinish(fd, entry): Promise<errno>
Value finish(Info info) {
    return run_on_entry(info, finish_entry);
}

// unpackTime(root, entry): Promise<errno>
Value time_of_directory(Info info) {
    return run_on_entry(info, set_directory_time);
}

// syncFileSystem(fd): Promise<errno>
Value sync(Info info) {
    int fd = to_int(info[0]);
    auto error = std::make_shared<int>(0);
    auto work = [fd, error] { *error = syncfs(fd) < 0 ? errno : 0; };
    return Task::run(info.Env(), work, [error](Napi::Env env) -> Value { return from_number(env, *error); });
}

// readInLayers(directories, path, maxBytes): Buffer | errno
Value read_file(Info info) {
    auto array = info[0].As<Napi::Array>();
    std::vector<std::string> layers;
    for (uint32_t i = 0; i < array.Length(); i++) layers.push_back(to_string(array.Get(i)));
    std::string text;
    int error = read_in_layers(layers, to_string(info[1]), to_u32(info[2]), &text);
    if (error < 0) return from_result(info.Env(), error);
    return Napi::Buffer<char>::Copy(info.Env(), text.data(), text.size());
}

} // namespace

void export_images(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"unpackBegin", begin},
                {"unpackMake", make},
                {"unpackFinish", finish},
                {"unpackTime", time_of_directory},
                {"syncFileSystem", sync},
                {"readInLayers", read_file}});
}
