// Parts of the request for a container, of JavaScript values.
#pragma once
#include <utility>

#include "values.h"

std::vector<DeviceRule> to_device_rules(const Napi::Array &array);
std::vector<std::pair<std::string, std::string>> to_pairs(const Napi::Array &array);
