// One step of Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019), with PyTorch's arithmetic, in one pass over the flat vectors.
#include <cmath>
#include <vector>
#include "kernel.h"
#include "pool.h"

namespace winnow {
namespace {

struct Adam {
  explicit Adam(Attributes&) {}
  // weights, mean, square, gradient; numbers: beta1, beta2, rate / (1 - beta1^t), √(1 - beta2^t), epsilon, decay of the gradient, rate · decay
  // of the weights; spans [k, 2]: where decay acts → weights, mean, square
  void operator()(Call& call) const {
    for (int i = 1; i < 4; i++)
      if (call.size(i) != call.size(0)) return call.fail("WinnowAdam: weights, mean, square and gradient differ in size.");
    const float *w = call.input(0), *m = call.input(1), *v = call.input(2), *g = call.input(3), *numbers = call.input(4);
    const int32_t* spans = call.input<int32_t>(5);
    const int64_t size = call.size(0), count = call.size(5) / 2;
    const Dims dims = call.dims(0);
    float *w1 = call.output(0, dims), *m1 = call.output(1, dims), *v1 = call.output(2, dims);
    if (call.failed()) return;
    const float beta1 = numbers[0], beta2 = numbers[1], rate = numbers[2], correction = 1.0f / numbers[3], epsilon = numbers[4], l2 = numbers[5], decay = numbers[6];
    auto step = [&](int64_t from, int64_t to, float l2, float kept) {
#pragma GCC ivdep
      for (int64_t i = from; i < to; i++) {
        const float d = g[i] + l2 * w[i];
        const float mean = m[i] * beta1 + d * (1.0f - beta1), square = v[i] * beta2 + d * d * (1.0f - beta2);
        m1[i] = mean;
        v1[i] = square;
        w1[i] = w[i] * kept - rate * mean / (std::sqrt(square) * correction + epsilon);
      }
    };
    parallelSpans(size, 1 << 14, [&](int64_t from, int64_t to) {
      int64_t at = from;
      for (int64_t s = 0; s < count && at < to; s++) {
        const int64_t a = std::clamp<int64_t>(spans[2 * s], at, to), b = std::clamp<int64_t>(spans[2 * s + 1], a, to);
        step(at, a, 0.0f, 1.0f);
        step(a, b, l2, 1.0f - decay);
        at = b;
      }
      step(at, to, 0.0f, 1.0f);
    });
  }
};

const Op<Adam> adam("WinnowAdam", {"weights: float", "mean: float", "square: float", "gradient: float", "numbers: float", "spans: int32"}, {"w: float", "m: float", "v: float"});

}  // namespace
}  // namespace winnow
