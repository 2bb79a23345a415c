// A limit on bytes per second. The bucket holds the bytes of an eighth of a second, at least 1 MiB: a larger burst
// could rotate a log away before a reader has read it.
#pragma once
#include <algorithm>
#include <cstdint>

class TokenBucket {
  public:
    // 0 for no limit.
    explicit TokenBucket(uint64_t bytes_per_second)
        : rate_(bytes_per_second), most_(std::max<uint64_t>(bytes_per_second / 8, 1 << 20)),
          bytes_(static_cast<double>(most_)) {}

    // How many bytes may pass now.
    uint64_t available(uint64_t now_ns) {
        if (rate_ == 0) return UINT64_MAX;
        double earned = static_cast<double>(now_ns - filled_ns_) * static_cast<double>(rate_) / 1e9;
        bytes_ = std::min(bytes_ + earned, static_cast<double>(most_));
        filled_ns_ = now_ns;
        return static_cast<uint64_t>(bytes_);
    }

    // No more than what is available.
    void spend(uint64_t bytes) {
        if (rate_ != 0) bytes_ -= static_cast<double>(bytes);
    }

    // With less than this available, it is better to wait for kRefillNs than to move a few bytes at a time.
    static constexpr uint64_t kLeastBytes = 4096;
    static constexpr uint64_t kRefillNs = 50'000'000;

  private:
    uint64_t rate_, most_;
    double bytes_;
    uint64_t filled_ns_ = 0;
};
