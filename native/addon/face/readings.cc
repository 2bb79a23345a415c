// The figures of what containers use.
#include <algorithm>

#include "addon.h"
#include "face.h"

namespace {

// sample(handles, rows, idle?)
//
// `idle` has a number for each handle: not 0 where the container is passed over if it is idle; it becomes 1 where the
// container was passed over, else 0.
Value sample(Info info) {
    Monitor &monitor = *addon_of(info).monitor;
    auto handles = info[0].As<Napi::Uint32Array>();
    auto rows = info[1].As<Napi::Float64Array>();
    bool may_pass = info[2].IsTypedArray();
    auto idle = may_pass ? info[2].As<Napi::Uint8Array>() : Napi::Uint8Array();
    size_t width = sample_columns().size();
    if (rows.ElementLength() < handles.ElementLength() * width ||
        (may_pass && idle.ElementLength() < handles.ElementLength())) {
        Napi::RangeError::New(info.Env(), "rows or idle is too small for the handles").ThrowAsJavaScriptException();
        return info.Env().Undefined();
    }
    uint8_t *pass = may_pass ? idle.Data() : nullptr;
    for (size_t i = 0; i < handles.ElementLength(); i++) {
        auto container = monitor.find(handles.Data()[i]);
        double *row = rows.Data() + i * width;
        bool was_read = true;
        if (!container)
            std::fill(row, row + width, __builtin_nan(""));
        else if (pass != nullptr && pass[i] != 0)
            was_read = container->statistics.read_unless_idle(row);
        else
            container->statistics.read(row);
        if (pass != nullptr) pass[i] = was_read ? 0 : 1;
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
