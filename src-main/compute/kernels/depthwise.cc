// Depthwise convolution: one small kernel per channel. In NHWC the channels are contiguous, so vectors run over them. A tile of neighbouring places shares each
// load of the kernel. Each place at the border is its own tile and uses only the taps inside the image.
#include <algorithm>
#include "kernel.h"
#include "pool.h"
#include "simd.h"

namespace winnow {
namespace {

// Number of places in a tile that is `V` vectors wide.
#if defined(__AVX512F__)
template <int V> constexpr int tilePlaces = V == 4 ? 4 : 8;
#else
template <int V> constexpr int tilePlaces = V == 4 ? 2 : 4;
#endif

struct Depthwise {
  int64_t stride, top, left, height, width, activation;
  explicit Depthwise(Attributes& a)
      : stride(a.integer("stride")), top(a.integer("padTop")), left(a.integer("padLeft")), height(a.integer("height")), width(a.integer("width")), activation(a.integer("activation")) {}

  // x [n, h, w, c], w [kh, kw, c, 1], bias [c] or [0] → y [n, height, width, c]
  void operator()(Call& call) const {
    const Dims x = call.dims(0), w = call.dims(1);
    if (x.size() != 4 || w.size() != 4 || x[3] != w[2] || w[3] != 1) return call.fail("WinnowDepthwise: x and w do not fit.");
    float* y = call.output(0, {x[0], height, width, x[3]});
    if (!y) return;
    const Pass pass{*this, call.input(0), call.input(1), call.size(2) ? call.input(2) : nullptr, y, x[1], x[2], x[3], w[0], w[1]};
    parallelSpans(x[0] * height, std::max<int64_t>(1, 8192 / std::max<int64_t>(1, width * x[3])), [&](int64_t from, int64_t to) {
      for (int64_t row = from; row < to; row++) pass.row(row / height, row % height);
    });
  }

  struct Pass {
    const Depthwise& op;
    const float *x, *w, *bias;
    float* y;
    int64_t h, width, c, kh, kw;

    void row(int64_t image, int64_t gy) const {
      int64_t ch = 0;
      for (; ch + 4 * lanes <= c; ch += 4 * lanes) across<4>(image, gy, ch, lanes, std::true_type());
      for (; ch + 2 * lanes <= c; ch += 2 * lanes) across<2>(image, gy, ch, lanes, std::true_type());
      for (; ch + lanes <= c; ch += lanes) across<1>(image, gy, ch, lanes, std::true_type());
      if (ch < c) across<1>(image, gy, ch, c - ch, std::false_type());
    }

    // One row of places, for `V` vectors of channels from `ch` on, of which the last has `count` channels.
    template <int V, class Whole> void across(int64_t image, int64_t gy, int64_t ch, int64_t count, Whole whole) const {
      const int64_t first = gy * op.stride - op.top, r0 = std::max<int64_t>(0, -first), r1 = std::min(kh, h - first);
      const float* from = x + (image * h + first) * width * c + ch;  // row r < r0 is before the image and not read
      float* to = y + (image * op.height + gy) * op.width * c + ch;
      for (int64_t gx = 0; gx < op.width;) {
        const int64_t at = gx * op.stride - op.left;
        auto tile = [&](auto places, int64_t t0, int64_t t1) {
          constexpr int P = decltype(places)::value;
          Vec sums[P][V];
          for (int v = 0; v < V; v++)
            for (int p = 0; p < P; p++) sums[p][v] = bias ? take(bias + ch + v * lanes, count, whole) : Vec{};
          for (int64_t r = r0; r < r1; r++)
            for (int64_t t = t0; t < t1; t++) {
              const float *taps = w + (r * kw + t) * c + ch, *in = from + (r * width + at + t) * c;
#pragma GCC unroll 4
              for (int v = 0; v < V; v++) {
                const Vec k = take(taps + v * lanes, count, whole);
#pragma GCC unroll 8
                for (int p = 0; p < P; p++) sums[p][v] += k * take(in + p * op.stride * c + v * lanes, count, whole);
              }
            }
          for (int p = 0; p < P; p++)
            for (int v = 0; v < V; v++) put(to + (gx + p) * c + v * lanes, activate(sums[p][v], op.activation), count, whole);
          gx += P;
        };
        const int64_t last = at + (tilePlaces<V> - 1) * op.stride + kw;
        if (at >= 0 && last <= width && gx + tilePlaces<V> <= op.width) tile(std::integral_constant<int, tilePlaces<V>>(), 0, kw);
        else tile(std::integral_constant<int, 1>(), std::max<int64_t>(0, -at), std::min(kw, width - at));
      }
    }
  };
};

const Op<Depthwise> depthwise("WinnowDepthwise", {"x: float", "w: float", "bias: float"}, {"y: float"}, {"stride: int", "padTop: int", "padLeft: int", "height: int", "width: int", "activation: int"});

}  // namespace
}  // namespace winnow
