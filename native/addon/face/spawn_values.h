// Parts of the request for a container, of JavaScript values.
#pragma once
#include <utility>

#include "values.h"

std::vector<DeviceRule> to_device_rules(const Napi::Array &array);

// The same, for an array that is asked for again and again, and that nobody changes: what was read is kept with it, and
// goes with it.
const std::vector<DeviceRule> &kept_device_rules(const Napi::Array &array);

std::vector<std::pair<std::string, std::string>> to_pairs(const Napi::Array &array);
