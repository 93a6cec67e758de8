// Batch normalisation (Ioffe & Szegedy 2015) with the 2×2 max pooling and activation that follow it. Its speed is limited by memory bandwidth: so x is read
// twice in the forward pass (statistics, result) and once or twice in the backward pass, and no other tensor of its size is stored.
#include <cmath>
#include <vector>
#include "kernel.h"
#include "pool.h"
#include "simd.h"
#include "sums.h"

namespace winnow {
namespace {

struct Plan {
  int64_t n, h, w, c, pool, outH, outW;
  Plan(const Dims& d, int64_t pool) : n(d[0]), h(d[1]), w(d[2]), c(d[3]), pool(pool), outH(h / pool), outW(w / pool) {}
  int64_t places() const { return n * h * w; }
  // Minimum number of window rows per chunk of work.
  int64_t least() const { return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, w * pool * c)); }
};

struct Norm {
  float epsilon;
  int64_t pool, activation;
  explicit Norm(Attributes& a) : epsilon(a.number("epsilon")), pool(a.integer("pool")), activation(a.integer("activation")) {}

  void operator()(Call& call) const {
    const Dims dims = call.dims(0);
    if (dims.size() != 4 || call.size(1) != dims[3] || call.size(2) != dims[3]) return call.fail("WinnowNorm: x, gamma and beta do not fit.");
    const Plan plan(dims, pool);
    const int64_t c = plan.c, places = plan.places();
    const float *x = call.input(0), *gamma = call.input(1), *beta = call.input(2);
    const Dims result{plan.n, plan.outH, plan.outW, c};
    float *y = call.output(0, result), *mean = call.output(1, {c}), *variance = call.output(2, {c}), *inverse = call.output(3, {c});
    uint8_t* index = call.output<uint8_t>(4, pool == 2 ? result : Dims{0}, TF_UINT8);
    if (call.failed()) return;

    // Sums of squares are precise for values near zero: so each block subtracts its own first value, and the sums are then shifted to the first value of all.
    const auto sums = columnSums(places, c, 2, [&](int64_t from, int64_t to, double* sums) {
      eachStrip(c, [&](int64_t i, int64_t count, auto whole, auto vectors) {
        constexpr int n = vectors;
        Vec middle[n], a[n]{}, b[n]{};
        for (int k = 0; k < n; k++) middle[k] = take(x + from * c + i + k * lanes, count, whole);
        for (int64_t p = from + 1; p < to; p++)
          for (int k = 0; k < n; k++) {
            const Vec d = take(x + p * c + i + k * lanes, count, whole) - middle[k];
            a[k] += d, b[k] += d * d;
          }
        const double places = to - from;
        for (int64_t k = 0; k < (n - 1) * lanes + count; k++) {
          const double offset = double(middle[k / lanes][k % lanes]) - x[i + k], first = a[k / lanes][k % lanes], second = b[k / lanes][k % lanes];
          sums[i + k] += first + places * offset;
          sums[c + i + k] += second + offset * (2 * first + places * offset);
        }
      });
    });
    std::vector<float> scale(c), shift(c);
    for (int64_t i = 0; i < c; i++) {
      const double m = sums[i] / places, v = std::max(0.0, sums[c + i] / places - m * m);
      mean[i] = static_cast<float>(x[i] + m);
      variance[i] = static_cast<float>(v * places / std::max<int64_t>(1, places - 1));
      inverse[i] = static_cast<float>(1.0 / std::sqrt(v + epsilon));
      scale[i] = gamma[i] * inverse[i];
      shift[i] = beta[i] - mean[i] * scale[i];
    }

    const int64_t outRows = plan.n * plan.outH;
    parallelSpans(outRows, plan.least(), [&](int64_t from, int64_t to) {
      // Starts with the last span, which is still in the cache.
      for (int64_t r = outRows - to; r < outRows - from; r++) {
        const float* in = x + ((r / plan.outH) * plan.h + (r % plan.outH) * pool) * plan.w * c;
        for (int64_t q = 0; q < plan.outW; q++, in += pool * c) {
          const int64_t at = (r * plan.outW + q) * c;
          eachVec(c, [&](int64_t i, int64_t count, auto whole) {
            const Vec s = take(&scale[i], count, whole), t = take(&shift[i], count, whole);
            Vec best = take(in + i, count, whole) * s + t;
            if (pool == 2) {
              IntVec which{};
              const Vec others[3] = {take(in + c + i, count, whole) * s + t, take(in + plan.w * c + i, count, whole) * s + t, take(in + (plan.w + 1) * c + i, count, whole) * s + t};
              for (int k = 0; k < 3; k++) {
                const IntVec better = others[k] > best;
                best = better ? others[k] : best;
                which = better ? IntVec{} + (k + 1) : which;
              }
              const ByteVec bytes = __builtin_convertvector(which, ByteVec);
              std::memcpy(index + at + i, &bytes, count);
            }
            put(y + at + i, activate(best, activation), count, whole);
          });
        }
      }
    });
  }
};

struct NormGrad {
  int64_t pool, activation;
  explicit NormGrad(Attributes& a) : pool(a.integer("pool")), activation(a.integer("activation")) {}

  // x, gamma, beta, mean, inverse, index, y, dy → dx, dgamma, dbeta
  void operator()(Call& call) const {
    const Plan plan(call.dims(0), pool);
    const int64_t c = plan.c, places = plan.places();
    const float *x = call.input(0), *gamma = call.input(1), *beta = call.input(2), *mean = call.input(3), *inverse = call.input(4), *y = call.input(6), *dy = call.input(7);
    const uint8_t* index = call.input<uint8_t>(5);
    float *dx = call.output(0, call.dims(0)), *dgamma = call.output(1, {c}), *dbeta = call.output(2, {c});
    if (call.failed()) return;
    const int64_t outPlaces = plan.n * plan.outH * plan.outW;

    const auto sums = columnSums(outPlaces, c, 2, [&](int64_t from, int64_t to, double* sums) {
      eachStrip(c, [&](int64_t i, int64_t count, auto whole, auto vectors) {
        constexpr int n = vectors;
        // The normalised value is recovered from y, which is read anyway, unless gamma is so small that precision is lost.
        bool back = pool == 2 || activation != none;
        for (int64_t k = i; k < i + (n - 1) * lanes + count; k++) back = back && std::fabs(gamma[k]) > 0.05f && std::fabs(beta[k]) < 20 * std::fabs(gamma[k]);
        Vec zero[n], unit[n], a[n]{}, b[n]{};
        for (int k = 0; k < n; k++) {
          const int64_t at = i + k * lanes;
          zero[k] = take((back ? beta : mean) + at, count, whole);
          unit[k] = back ? 1.0f / take(gamma + at, count, whole) : take(inverse + at, count, whole);
        }
        for (int64_t p = from; p < to; p++)
          for (int k = 0; k < n; k++) {
            const int64_t at = i + k * lanes;
            Vec dz = take(dy + p * c + at, count, whole), out{};
            if (back || activation != none) out = take(y + p * c + at, count, whole);
            dz *= slope(out, activation);
            a[k] += dz;
            b[k] += dz * ((back ? out : chosen(x, index, plan, p, at, count, whole)) - zero[k]);
          }
        for (int k = 0; k < n; k++) {
          addTo(&sums[i + k * lanes], a[k], count);
          addTo(&sums[c + i + k * lanes], b[k] * unit[k], count);
        }
      });
    });

    std::vector<float> gain(c), slant(c), level(c);
    for (int64_t i = 0; i < c; i++) {
      dbeta[i] = static_cast<float>(sums[i]);
      dgamma[i] = static_cast<float>(sums[c + i]);
      gain[i] = gamma[i] * inverse[i];
      slant[i] = static_cast<float>(-double(gain[i]) * inverse[i] * dgamma[i] / places);
      level[i] = static_cast<float>(-double(gain[i]) * dbeta[i] / places - double(slant[i]) * mean[i]);
    }

    // Incomplete windows at the edge are not pooled.
    const int64_t windowRows = (plan.h + pool - 1) / pool, windowCols = (plan.w + pool - 1) / pool;
    const int64_t rows = plan.n * windowRows;
    parallelSpans(rows, plan.least(), [&](int64_t from, int64_t to) {
      for (int64_t r = rows - to; r < rows - from; r++) {
        const int64_t image = r / windowRows, row = r % windowRows;
        for (int64_t q = 0; q < windowCols; q++) {
          const bool pooled = row < plan.outH && q < plan.outW;
          const int64_t out = ((image * plan.outH + row) * plan.outW + q) * c, in = ((image * plan.h + row * pool) * plan.w + q * pool) * c;
          eachVec(c, [&](int64_t i, int64_t count, auto whole) {
            const Vec g = take(&gain[i], count, whole), a = take(&slant[i], count, whole), b = take(&level[i], count, whole);
            Vec dz{};
            if (pooled) dz = take(dy + out + i, count, whole) * slope(take(y + out + i, count, whole), activation) * g;
            if (pool == 1) return put(dx + in + i, dz + take(x + in + i, count, whole) * a + b, count, whole);
            IntVec which = IntVec{} + 4;
            if (pooled) {
              ByteVec bytes{};
              std::memcpy(&bytes, index + out + i, count);
              which = __builtin_convertvector(bytes, IntVec);
            }
            for (int k = 0; k < 4; k++) {
              if (row * 2 + k / 2 >= plan.h || q * 2 + k % 2 >= plan.w) continue;
              const int64_t at = in + ((k / 2) * plan.w + k % 2) * c + i;
              put(dx + at, (which == k ? dz : Vec{}) + take(x + at, count, whole) * a + b, count, whole);
            }
          });
        }
      }
    });
  }

  // The x that is the maximum of pooled place p.
  template <class Whole> static Vec chosen(const float* x, const uint8_t* index, const Plan& plan, int64_t p, int64_t i, int64_t count, Whole whole) {
    const int64_t c = plan.c;
    if (plan.pool == 1) return take(x + p * c + i, count, whole);
    const int64_t q = p % plan.outW, row = p / plan.outW % plan.outH, image = p / plan.outW / plan.outH;
    const float* in = x + ((image * plan.h + row * 2) * plan.w + q * 2) * c + i;
    ByteVec bytes{};
    std::memcpy(&bytes, index + p * c + i, count);
    const IntVec which = __builtin_convertvector(bytes, IntVec);
    Vec v = take(in, count, whole);
    v = which == 1 ? take(in + c, count, whole) : v;
    v = which == 2 ? take(in + plan.w * c, count, whole) : v;
    return which == 3 ? take(in + (plan.w + 1) * c, count, whole) : v;
  }
};

const Op<Norm> norm("WinnowNorm", {"x: float", "gamma: float", "beta: float"}, {"y: float", "mean: float", "variance: float", "inverse: float", "index: uint8"}, {"epsilon: float", "pool: int", "activation: int"});
const Op<NormGrad> normGrad("WinnowNormGrad", {"x: float", "gamma: float", "beta: float", "mean: float", "inverse: float", "index: uint8", "y: float", "dy: float"}, {"dx: float", "dgamma: float", "dbeta: float"}, {"pool: int", "activation: int"});

}  // namespace
}  // namespace winnow
