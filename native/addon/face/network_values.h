// Conversions for the topics that change elements of nftables.
#pragma once
#include "../nft_batch.h"
#include "values.h"

// A field that is left out stays empty.
inline SetElement to_element(const Napi::Object &object) {
    SetElement element;
    element.family = static_cast<uint8_t>(to_u32(object.Get("family")));
    element.table = to_string(object.Get("table"));
    element.set = to_string(object.Get("set"));
    element.key = to_bytes(object.Get("key"));
    if (object.Has("keyEnd")) element.key_end = to_bytes(object.Get("keyEnd"));
    if (object.Has("data")) element.data = to_bytes(object.Get("data"));
    if (object.Has("chain")) element.chain = to_string(object.Get("chain"));
    return element;
}
