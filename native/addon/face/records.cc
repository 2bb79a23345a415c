// The records of the ledger: what JavaScript lays out is put on disk.
#include "addon.h"
#include "face.h"
#include "promises.h"

namespace {

Value from_appended(Napi::Env env, const Appended &appended) {
    static const char *const kNames[] = {"file", "changed", "gone"};
    Napi::Object result = Napi::Object::New(env);
    result.Set("errno", -appended.error);
    result.Set("written", appended.written);
    result.Set("what", kNames[appended.named]);
    result.Set("size", static_cast<double>(appended.size));
    return result;
}

std::vector<uint32_t> to_handles(const Napi::Array &array) {
    std::vector<uint32_t> handles;
    for (uint32_t i = 0; i < array.Length(); i++) handles.push_back(to_u32(array.Get(i)));
    return handles;
}

// appendRecords(file, bytes, ended): Promise<{ errno, written, what, size }>
Value append_records(Info info) {
    Endings &endings = addon_of(info).endings;
    auto file = info[0].As<Napi::Object>();
    Append append = {to_int(file.Get("fd")), to_string(file.Get("path")), to_bytes(info[1]), to_u64(file.Get("end"))};
    Answer<Appended> answer(info.Env(), from_appended);
    Appended failed;
    failed.error = endings.start(); // a program other than niwad has not begun the thread
    if (failed.error < 0)
        answer(failed);
    else
        endings.append(std::move(append), to_handles(info[2].As<Napi::Array>()), answer);
    return answer.promise();
}

// confirmRecord(handle)
Value confirm_record(Info info) {
    addon_of(info).endings.done(to_u32(info[0]), Endings::kRecord);
    return info.Env().Undefined();
}

} // namespace

void export_records(Napi::Env env, Napi::Object exports) {
    export_all(env, exports, {{"appendRecords", append_records}, {"confirmRecord", confirm_record}});
}
