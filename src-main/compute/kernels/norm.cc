// Normalisation over a batch (Ioffe & Szegedy 2015) with the 2×2 max pooling and the activation that follow it. Memory is what it waits for, so
// x is read twice forward (statistics, result) and once or twice backward, and nothing of its size is kept but x itself.
#include <cmath>
#include <vector>
#include "kernel.h"
#include "pool.h"
#include "simd.h"

namespace winnow {
namespace {

// How the rows of an image are shared out: fixed pieces, so that sums always add up in one order.
struct Pieces {
  int64_t items, count;
  explicit Pieces(int64_t items, int64_t least) : items(items), count(std::clamp<int64_t>(items / std::max<int64_t>(1, least), 1, 64)) {}
  int64_t from(int64_t piece) const { return items * piece / count; }
};

// Sums over places of two values a channel, piece by piece in float and then in double: add(from, to, first, second).
template <class Add> std::vector<double> sumPairs(const Pieces& pieces, int64_t channels, Add add) {
  std::vector<float> parts(pieces.count * 2 * channels, 0.0f);
  parallel(pieces.count, [&](int64_t p) { add(pieces.from(p), pieces.from(p + 1), &parts[p * 2 * channels], &parts[(p * 2 + 1) * channels]); });
  std::vector<double> sums(2 * channels, 0.0);
  for (int64_t p = 0; p < pieces.count; p++)
    for (int64_t c = 0; c < 2 * channels; c++) sums[c] += parts[p * 2 * channels + c];
  return sums;
}

struct Plan {
  int64_t n, h, w, c, pool, outH, outW;
  Plan(const Dims& d, int64_t pool) : n(d[0]), h(d[1]), w(d[2]), c(d[3]), pool(pool), outH(h / pool), outW(w / pool) {}
  int64_t places() const { return n * h * w; }
  // Rows of windows, those that hang over the edge and are not pooled among them.
  int64_t rows() const { return n * ((h + pool - 1) / pool); }
  Pieces pieces() const { return Pieces(rows(), std::max<int64_t>(1, 8192 / std::max<int64_t>(1, w * pool * c))); }
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

    // Squares of what lies around zero add up without loss; the first place is near enough to the middle.
    const std::vector<float> about(x, x + (places ? c : 0));
    const auto sums = sumPairs(Pieces(places, std::max<int64_t>(1, 16384 / c)), c, [&](int64_t from, int64_t to, float* first, float* second) {
      eachVec(c, [&](int64_t i, int64_t count, auto whole) {
        const Vec middle = take(about.data() + i, count, whole);
        Vec a{}, b{}, a2{}, b2{};
        int64_t p = from;
        for (; p + 1 < to; p += 2) {
          Vec d = take(x + p * c + i, count, whole) - middle, e = take(x + (p + 1) * c + i, count, whole) - middle;
          a += d, b += d * d, a2 += e, b2 += e * e;
        }
        if (p < to) {
          Vec d = take(x + p * c + i, count, whole) - middle;
          a += d, b += d * d;
        }
        put(first + i, a + a2, count, whole);
        put(second + i, b + b2, count, whole);
      });
    });
    std::vector<float> scale(c), shift(c);
    for (int64_t i = 0; i < c; i++) {
      const double m = sums[i] / places, v = std::max(0.0, sums[c + i] / places - m * m);
      mean[i] = static_cast<float>(about[i] + m);
      variance[i] = static_cast<float>(v * places / std::max<int64_t>(1, places - 1));
      inverse[i] = static_cast<float>(1.0 / std::sqrt(v + epsilon));
      scale[i] = gamma[i] * inverse[i];
      shift[i] = beta[i] - mean[i] * scale[i];
    }

    const int64_t outRows = plan.n * plan.outH;
    parallelSpans(outRows, std::max<int64_t>(1, 8192 / (plan.w * pool * c)), [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; r++) {
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

    // The normalised value under a pooled place can be had back from y, a quarter of x, unless gamma hardly lets it through.
    bool back = pool == 2;
    for (int64_t i = 0; i < c; i++) back = back && std::fabs(gamma[i]) > 0.05f && std::fabs(beta[i]) < 20 * std::fabs(gamma[i]);
    const auto sums = sumPairs(Pieces(outPlaces, std::max<int64_t>(1, 16384 / c)), c, [&](int64_t from, int64_t to, float* first, float* second) {
      eachVec(c, [&](int64_t i, int64_t count, auto whole) {
        const Vec m = take(mean + i, count, whole), s = take(inverse + i, count, whole), b0 = take(beta + i, count, whole);
        Vec a{}, b{};
        for (int64_t p = from; p < to; p++) {
          const Vec out = take(y + p * c + i, count, whole), dz = take(dy + p * c + i, count, whole) * slope(out, activation);
          a += dz;
          if (back) b += dz * (out - b0);
          else b += dz * (chosen(x, index, plan, p, i, count, whole) - m) * s;
        }
        put(first + i, a, count, whole);
        put(second + i, b, count, whole);
      });
    });

    std::vector<float> gain(c), slant(c), level(c);
    for (int64_t i = 0; i < c; i++) {
      dbeta[i] = static_cast<float>(sums[i]);
      dgamma[i] = static_cast<float>(back ? sums[c + i] / gamma[i] : sums[c + i]);
      gain[i] = gamma[i] * inverse[i];
      slant[i] = static_cast<float>(-double(gain[i]) * inverse[i] * dgamma[i] / places);
      level[i] = static_cast<float>(-double(gain[i]) * dbeta[i] / places - double(slant[i]) * mean[i]);
    }

    const int64_t windowRows = (plan.h + pool - 1) / pool, windowCols = (plan.w + pool - 1) / pool;
    parallelSpans(plan.rows(), std::max<int64_t>(1, 8192 / (plan.w * pool * c)), [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; r++) {
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

  // The x that went on from pooled place p.
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
