// How niwa-files ends where it cannot go on.
#pragma once
#include <string>

// Says "ERRNO WORDS: MEANING" on standard error, with the name of the errno (errno(3)), and exits with status 1.
// `words` may have names of files: whoever shows them must escape them.
[[noreturn]] void fail(int error, const std::string &words);
