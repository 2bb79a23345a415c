// The face of the addon for the layers of images.
#include <cerrno>
#include <unistd.h>

#include "face.h"
#include "unpack.h"

namespace {

std::string to_bytes(const Value &value) {
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
    entry.path = to_bytes(object.Get("path"));
    entry.target = to_bytes(object.Get("target"));
    entry.mode = to_u32(object.Get("mode"));
    entry.uid = to_u32(object.Get("uid"));
    entry.gid = to_u32(object.Get("gid"));
    entry.mtime_sec = object.Get("mtimeSec").As<Napi::Number>().Int64Value();
    entry.mtime_nsec = object.Get("mtimeNsec").As<Napi::Number>().Int64Value();
    auto xattrs = object.Get("xattrs").As<Napi::Array>();
    for (uint32_t i = 0; i < xattrs.Length(); i++) {
        auto pair = xattrs.Get(i).As<Napi::Array>();
        entry.xattrs.emplace_back(to_bytes(pair.Get(0u)), to_bytes(pair.Get(1u)));
    }
    return entry;
}

int to_fd(const Value &value) {
    return value.As<Napi::Number>().Int32Value();
}

// unpackMake(root, entry): descriptor of a file, 0 for others, or -errno
Value make(Info info) {
    Fd file;
    int error = make_entry(to_fd(info[0]), to_entry(info[1]), &file);
    int result = error < 0 ? error : file.valid() ? file.release() : 0;
    return Napi::Number::New(info.Env(), result);
}

// unpackFinish(fd, entry): errno
Value finish(Info info) {
    return Napi::Number::New(info.Env(), -finish_entry(to_fd(info[0]), to_entry(info[1])));
}

// unpackTime(root, entry): errno
Value time_of_directory(Info info) {
    return Napi::Number::New(info.Env(), -set_directory_time(to_fd(info[0]), to_entry(info[1])));
}

// syncFileSystem(fd): Promise<errno>
Value sync(Info info) {
    int fd = to_fd(info[0]);
    auto error = std::make_shared<int>(0);
    auto work = [fd, error] { *error = syncfs(fd) < 0 ? errno : 0; };
    return Task::run(info.Env(), work, [error](Napi::Env env) -> Value { return Napi::Number::New(env, *error); });
}

// readInRoot(directory, path, maxBytes): Buffer | errno
Value read_file(Info info) {
    std::string text;
    int error = read_in_root(to_string(info[0]), to_string(info[1]), to_u32(info[2]), &text);
    if (error < 0) return Napi::Number::New(info.Env(), -error);
    return Napi::Buffer<char>::Copy(info.Env(), text.data(), text.size());
}

} // namespace

void register_unpack(Napi::Env env, Napi::Object exports) {
    const std::pair<const char *, Value (*)(Info)> functions[] = {
        {"unpackMake", make},     {"unpackFinish", finish},  {"unpackTime", time_of_directory},
        {"syncFileSystem", sync}, {"readInRoot", read_file},
    };
    for (const auto &[name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
}
