// Dropout whose mask is a function of seed and place alone (the mixer lowbias32, Wellons 2018): nothing is stored for the gradient, and it does
// not matter which thread does what.
#include <cmath>
#include "kernel.h"
#include "pool.h"

namespace winnow {
namespace {

inline uint32_t mix(uint32_t h) {
  h ^= h >> 16;
  h *= 0x7feb352dU;
  h ^= h >> 15;
  h *= 0x846ca68bU;
  return h ^ (h >> 16);
}

struct Dropout {
  float rate;
  explicit Dropout(Attributes& a) : rate(a.number("rate")) {}
  // x, seed [2] → y
  void operator()(Call& call) const {
    const float* x = call.input(0);
    const int32_t* seed = call.input<int32_t>(1);
    float* y = call.output(0, call.dims(0));
    if (!y) return;
    const uint32_t limit = static_cast<uint32_t>(std::fmin(4294967295.0, rate * 4294967296.0));
    const uint32_t key = mix(static_cast<uint32_t>(seed[0]) + 0x9e3779b9U), other = mix(static_cast<uint32_t>(seed[1]) ^ key);
    const float scale = 1.0f / (1.0f - rate);
    parallelSpans(call.size(0), 1 << 15, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) y[i] = mix((static_cast<uint32_t>(i) * 0x9e3779b9U + key) ^ other) >= limit ? x[i] * scale : 0.0f;
    });
  }
};

const Op<Dropout> dropout("WinnowDropout", {"x: float", "seed: int32"}, {"y: float"}, {"rate: float"});

}  // namespace
}  // namespace winnow
