// Dropout whose mask is a hash of seed and index (lowbias32, Wellons 2018). So no mask is stored for the gradient, and the result does not depend on the threads.
#include <cmath>
#include "kernel.h"
#include "pool.h"
#include "simd.h"

namespace winnow {
namespace {

typedef uint32_t UintVec __attribute__((vector_size(lanes * 4)));

template <class Word> inline Word mix(Word h) {
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
    const Vec scale = splat(1.0f / (1.0f - rate));
    UintVec lane;
    for (int i = 0; i < lanes; i++) lane[i] = i;
    parallelSpans(call.size(0), 1 << 14, [&](int64_t from, int64_t to) {
      eachVec(to - from, [&](int64_t i, int64_t count, auto whole) {
        const UintVec place = lane + static_cast<uint32_t>(from + i), hash = mix((place * 0x9e3779b9U + key) ^ other);
        put(y + from + i, hash >= limit ? take(x + from + i, count, whole) * scale : Vec{}, count, whole);
      });
    });
  }
};

const Op<Dropout> dropout("WinnowDropout", {"x: float", "seed: int32"}, {"y: float"}, {"rate: float"});

}  // namespace
}  // namespace winnow
