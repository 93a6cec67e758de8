// The mean squared error and its gradient, each in one pass.
#include <vector>
#include "kernel.h"
#include "pool.h"
#include "simd.h"

namespace winnow {
namespace {

struct SquaredError {
  explicit SquaredError(Attributes&) {}
  void operator()(Call& call) const {
    const float *x = call.input(0), *y = call.input(1);
    if (call.size(1) != call.size(0)) return call.fail("WinnowSquaredError: x and y differ in size.");
    const int64_t size = call.size(0), pieces = std::clamp<int64_t>(size / 16384, 1, 64);
    float* out = call.output(0, {});
    if (!out) return;
    std::vector<double> parts(pieces, 0.0);
    parallel(pieces, [&](int64_t piece) {
      const int64_t from = size * piece / pieces, to = size * (piece + 1) / pieces;
      // float32 is precise enough for short sums; these are added in double precision.
      for (int64_t at = from; at < to; at += 1024) {
        Vec sum{};
        eachVec(std::min<int64_t>(1024, to - at), [&](int64_t i, int64_t count, auto whole) {
          const Vec d = take(y + at + i, count, whole) - take(x + at + i, count, whole);
          sum += d * d;
        });
        for (int i = 0; i < lanes; i++) parts[piece] += sum[i];
      }
    });
    double total = 0;
    for (double part : parts) total += part;
    *out = static_cast<float>(total / size);
  }
};

// x, y, g (the incoming gradient, a scalar) → dy
struct SquaredErrorGrad {
  explicit SquaredErrorGrad(Attributes&) {}
  void operator()(Call& call) const {
    const float *x = call.input(0), *y = call.input(1);
    const int64_t size = call.size(0);
    if (call.size(1) != size) return call.fail("WinnowSquaredErrorGrad: x and y differ in size.");
    const float factor = 2.0f * *call.input(2) / static_cast<float>(size);
    float* dy = call.output(0, call.dims(1));
    if (!dy) return;
    parallelSpans(size, 1 << 15, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) dy[i] = (y[i] - x[i]) * factor;
    });
  }
};

const Op<SquaredError> squaredError("WinnowSquaredError", {"x: float", "y: float"}, {"loss: float"});
const Op<SquaredErrorGrad> squaredErrorGrad("WinnowSquaredErrorGrad", {"x: float", "y: float", "g: float"}, {"dy: float"});

}  // namespace
}  // namespace winnow
