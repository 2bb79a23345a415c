// The figures of what containers use.
#include <algorithm>

#include "addon.h"
#include "face.h"

namespace {

// sample(handles, rows)
Value sample(Info info) {
    Monitor &monitor = *addon_of(info).monitor;
    auto handles = info[0].As<Napi::Uint32Array>();
    auto rows = info[1].As<Napi::Float64Array>();
    size_t width = sample_columns().size();
    if (rows.ElementLength() < handles.ElementLength() * width) {
        Napi::RangeError::New(info.Env(), "rows is too small for the handles").ThrowAsJavaScriptException();
        return info.Env().Undefined();
    }
    for (size_t i = 0; i < handles.ElementLength(); i++) {
        auto container = monitor.find(handles[i]);
        double *row = rows.Data() + i * width;
        if (container)
            container->statistics.read(row);
        else
            std::fill(row, row + width, __builtin_nan(""));
    }
    return info.Env().Undefined();
}

// ioStat(handle): string
Value io_stat(Info info) {
    auto container = container_of(info);
    return Napi::String::New(info.Env(), container ? container->statistics.io_stat() : "");
}

} // namespace

void export_readings(Napi::Env env, Napi::Object exports) {
    auto columns = Napi::Array::New(env);
    for (const std::string &name : sample_columns()) columns.Set(columns.Length(), name);
    exports.Set("columns", columns);
    export_all(env, exports, {{"sample", sample}, {"ioStat", io_stat}});
}
