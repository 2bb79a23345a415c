// Conversions between the values of JavaScript and of C++ that several topics need.
#pragma once
#include <cstdint>
#include <napi.h>
#include <string>
#include <vector>

#include "../spawn.h"

using Value = Napi::Value;
using Info = const Napi::CallbackInfo &;

inline uint64_t to_ns(const Value &value) {
    bool lossless;
    return value.As<Napi::BigInt>().Uint64Value(&lossless);
}
inline uint32_t to_u32(const Value &value) {
    return value.As<Napi::Number>().Uint32Value();
}
inline unsigned short to_u16(const Value &value) {
    return static_cast<unsigned short>(to_u32(value));
}
inline int to_int(const Value &value) {
    return value.As<Napi::Number>().Int32Value();
}
inline uint64_t to_u64(const Value &value) {
    return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}
inline bool to_bool(const Value &value) {
    return value.As<Napi::Boolean>().Value();
}
inline std::string to_string(const Value &value) {
    return value.As<Napi::String>().Utf8Value();
}
inline std::vector<uint8_t> to_bytes(const Value &value) {
    auto array = value.As<Napi::Uint8Array>();
    return {array.Data(), array.Data() + array.ByteLength()};
}

inline Value from_ns(Napi::Env env, uint64_t ns) {
    return Napi::BigInt::New(env, ns);
}
inline Value from_number(Napi::Env env, double number) {
    return Napi::Number::New(env, number);
}
// The errno of a result that is 0 or a negative errno.
inline Value from_result(Napi::Env env, int result) {
    return Napi::Number::New(env, -result);
}
inline Value from_bool(Napi::Env env, bool value) {
    return Napi::Boolean::New(env, value);
}
Napi::Object from_failure(Napi::Env env, const Failure &failure);
