// Bias and activation where no convolution carries them, and the gradients of both in one pass.
#include <vector>
#include "kernel.h"
#include "pool.h"
#include "simd.h"

namespace winnow {
namespace {

struct Bias {
  int64_t activation;
  explicit Bias(Attributes& a) : activation(a.integer("activation")) {}
  // x [..., c], bias [c] → y
  void operator()(Call& call) const {
    const int64_t c = call.size(1), places = c ? call.size(0) / c : 0;
    const float *x = call.input(0), *bias = call.input(1);
    float* y = call.output(0, call.dims(0));
    if (!y) return;
    parallelSpans(places, std::max<int64_t>(1, 16384 / c), [&](int64_t from, int64_t to) {
      for (int64_t p = from; p < to; p++)
        eachVec(c, [&](int64_t i, int64_t count, auto whole) { put(y + p * c + i, activate(take(x + p * c + i, count, whole) + take(bias + i, count, whole), activation), count, whole); });
    });
  }
};

// y, dy [..., c] → dz = dy · act'(y), dbias = its sum over all but c. Fixed pieces, added in their order.
struct ActivationGrad {
  int64_t activation;
  explicit ActivationGrad(Attributes& a) : activation(a.integer("activation")) {}
  void operator()(Call& call) const {
    const Dims dims = call.dims(1);
    const int64_t c = dims.back(), places = c ? call.size(1) / c : 0;
    const float *y = call.input(0), *dy = call.input(1);
    float *dz = call.output(0, activation == none ? Dims{0} : dims), *dbias = call.output(1, {c});
    if (call.failed()) return;
    // Few channels: several places to a vector, so that none of it is idle.
    int64_t fold = 1;
    while (c * fold < lanes * 2 && places % (fold * 2) == 0) fold *= 2;
    const int64_t wide = c * fold, rows = places / fold, pieces = std::clamp<int64_t>(rows * wide / 32768, 1, 64);
    std::vector<float> parts(pieces * wide, 0.0f);
    parallel(pieces, [&](int64_t piece) {
      float* part = &parts[piece * wide];
      eachVec(wide, [&](int64_t i, int64_t count, auto whole) {
        Vec sum{};
        for (int64_t p = rows * piece / pieces; p < rows * (piece + 1) / pieces; p++) {
          Vec d = take(dy + p * wide + i, count, whole);
          if (activation != none) {
            d *= slope(take(y + p * wide + i, count, whole), activation);
            put(dz + p * wide + i, d, count, whole);
          }
          sum += d;
        }
        put(part + i, sum, count, whole);
      });
    });
    for (int64_t i = 0; i < c; i++) {
      double sum = 0;
      for (int64_t k = 0; k < pieces * fold; k++) sum += parts[k * c + i];
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
