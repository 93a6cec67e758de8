// Bias and activation without a convolution, and the gradients of both in one pass.
#include <vector>
#include "kernel.h"
#include "pool.h"
#include "simd.h"
#include "sums.h"

namespace winnow {
namespace {

// With few channels, several places are processed side by side, so that all lanes of a vector are used.
int64_t foldOf(int64_t channels) {
  int64_t fold = 1;
  while (fold < 4 * lanes && channels * fold < 1024 && (channels * fold) % (4 * lanes)) fold *= 2;
  return fold;
}

struct Bias {
  int64_t activation;
  explicit Bias(Attributes& a) : activation(a.integer("activation")) {}
  // x [..., c], bias [c] → y
  void operator()(Call& call) const {
    const int64_t c = call.size(1), size = call.size(0), wide = c * foldOf(c);
    if (!c || size % c) return call.fail("WinnowBias: x and bias do not fit.");
    const float *x = call.input(0), *bias = call.input(1);
    float* y = call.output(0, call.dims(0));
    if (!y) return;
    std::vector<float> repeated(wide);
    for (int64_t i = 0; i < wide; i++) repeated[i] = bias[i % c];
    parallelSpans((size + wide - 1) / wide, std::max<int64_t>(1, 16384 / wide), [&](int64_t from, int64_t to) {
      for (int64_t at = from * wide; at < std::min(size, to * wide); at += wide)
        eachVec(std::min(wide, size - at), [&](int64_t i, int64_t count, auto whole) { put(y + at + i, activate(take(x + at + i, count, whole) + take(&repeated[i], count, whole), activation), count, whole); });
    });
  }
};

// y, dy [..., c] → dz = dy · act'(y), dbias = its sum over all but c.
struct ActivationGrad {
  int64_t activation;
  explicit ActivationGrad(Attributes& a) : activation(a.integer("activation")) {}
  void operator()(Call& call) const {
    const Dims dims = call.dims(1);
    const int64_t size = call.size(1), c = dims.back(), wide = c * foldOf(c);
    if (!c || call.size(0) != size) return call.fail("WinnowActivationGrad: y and dy do not fit.");
    const float *y = call.input(0), *dy = call.input(1);
    float *dz = call.output(0, activation == none ? Dims{0} : dims), *dbias = call.output(1, {c});
    if (call.failed()) return;
    auto back = [&](int64_t at, int64_t count, auto whole) {
      Vec d = take(dy + at, count, whole);
      if (activation == none) return d;
      d *= slope(take(y + at, count, whole), activation);
      put(dz + at, d, count, whole);
      return d;
    };
    const int64_t rows = size / wide;
    auto sums = columnSums(rows, wide, 1, [&](int64_t from, int64_t to, double* sums) {
      eachStrip(wide, [&](int64_t i, int64_t count, auto whole, auto vectors) {
        Vec sum[decltype(vectors)::value]{};
        for (int64_t r = from; r < to; r++)
          for (int k = 0; k < vectors; k++) sum[k] += back(r * wide + i + k * lanes, count, whole);
        for (int k = 0; k < vectors; k++) addTo(&sums[i + k * lanes], sum[k], count);
      });
    });
    eachVec(size - rows * wide, [&](int64_t i, int64_t count, auto whole) { addTo(&sums[i], back(rows * wide + i, count, whole), count); });
    for (int64_t i = 0; i < c; i++) {
      double sum = 0;
      for (int64_t k = i; k < wide; k += c) sum += sums[k];
      dbias[i] = static_cast<float>(sum);
    }
  }
};

struct AddActivate {
  int64_t activation;
  explicit AddActivate(Attributes& a) : activation(a.integer("activation")) {}
  void operator()(Call& call) const {
    const float *a = call.input(0), *b = call.input(1);
    const int64_t size = call.size(0);
    if (call.size(1) != size) return call.fail("WinnowAdd: a and b differ in size.");
    float* y = call.output(0, call.dims(0));
    if (!y) return;
    parallelSpans(size, 1 << 15, [&](int64_t from, int64_t to) {
      eachVec(to - from, [&](int64_t i, int64_t count, auto whole) { put(y + from + i, activate(take(a + from + i, count, whole) + take(b + from + i, count, whole), activation), count, whole); });
    });
  }
};

const Op<Bias> bias("WinnowBias", {"x: float", "bias: float"}, {"y: float"}, {"activation: int"});
const Op<ActivationGrad> activationGrad("WinnowActivationGrad", {"y: float", "dy: float"}, {"dz: float", "dbias: float"}, {"activation: int"});
const Op<AddActivate> add("WinnowAdd", {"a: float", "b: float"}, {"y: float"}, {"activation: int"});

}  // namespace
}  // namespace winnow
