// Convolution, and its gradient with respect to the input, which is also the forward pass of the transposed convolution. Bias and activation are applied when a
// result is stored.
#include "correlate.h"
#include "kernel.h"

namespace winnow {
namespace {

// Adds the bias, applies the activation and stores a result.
struct Finish {
  float* y;
  int64_t channels, activation;
  std::vector<float> bias;
  Finish(float* y, int64_t channels, int64_t activation, const float* given, int64_t count) : y(y), channels(channels), activation(activation), bias((channels + lanes - 1) / lanes * lanes, 0.0f) {
    std::copy(given, given + count, bias.begin());
  }
  inline void put(int64_t place, int64_t vector, Vec v) const {
    const int64_t first = vector * lanes;
    float* out = y + place * channels + first;
    v = activate(v + load(bias.data() + first), activation);
    if (first + lanes <= channels) store(out, v);
    else storeSome(out, v, channels - first);
  }
};

struct Shape {
  int64_t stride, top, left, height, width, activation;
  explicit Shape(Attributes& a)
      : stride(a.integer("stride")), top(a.integer("padTop")), left(a.integer("padLeft")), height(a.integer("height")), width(a.integer("width")), activation(a.integer("activation")) {}
};

struct Conv : Shape {
  using Shape::Shape;
  // x [n, h, w, c], w [kh, kw, c, f], bias [f] or [0] → y [n, height, width, f]
  void operator()(Call& call) const {
    const Dims x = call.dims(0), w = call.dims(1);
    if (x.size() != 4 || w.size() != 4 || x[3] != w[2]) return call.fail("WinnowConv: x and w do not fit.");
    const int64_t f = w[3];
    float* y = call.output(0, {x[0], height, width, f});
    if (!y) return;
    const float* weights = call.input(1);
    const Windows windows{call.input(0), x[0], x[1], x[2], x[3], w[0], w[1], stride, top, left, height, width};
    const Finish finish(y, f, activation, call.input(2), call.size(2));
    correlate(windows, Matrix{windows.products(), f, 1, [&](int64_t p) { return weights + p * f; }}, [&](int64_t i, int64_t gy, int64_t gx, int64_t v, Vec value) { finish.put((i * height + gy) * width + gx, v, value); });
  }
};

// The gradient along one axis: results at y = first + stride · i use a window of `taps` values of dy that starts at i - start. Tap t uses the kernel at
// last - stride · t.
struct Phase {
  int64_t taps, start, last;
  Phase(int64_t first, int64_t stride, int64_t pad, int64_t size) {
    const int64_t a = (first + pad) % stride, b = (first + pad - a) / stride;
    taps = a < size ? (size - a + stride - 1) / stride : 0;
    start = taps - 1 - b;
    last = a + stride * (taps - 1);
  }
};

struct ConvInput : Shape {
  using Shape::Shape;
  // dy [n, ho, wo, f], w [kh, kw, c, f], bias [c] or [0] → [n, height, width, c]
  void operator()(Call& call) const {
    const Dims dy = call.dims(0), w = call.dims(1);
    if (dy.size() != 4 || w.size() != 4 || dy[3] != w[3]) return call.fail("WinnowConvInput: dy and w do not fit.");
    const int64_t c = w[2];
    float* y = call.output(0, {dy[0], height, width, c});
    if (!y) return;
    const Finish finish(y, c, activation, call.input(2), call.size(2));
    if (stride > 1 && stride * stride * c <= lanes && height >= stride && width >= stride) merged(call, dy, w, finish);
    else separate(call, dy, w, finish);
  }

  // One convolution for the results of each phase, so that no products with zeros are computed.
  void separate(Call& call, const Dims& dy, const Dims& w, const Finish& finish) const {
    const float* weights = call.input(1);
    const int64_t f = dy[3], c = w[2];
    for (int64_t py = 0; py < std::min(stride, height); py++) {
      for (int64_t px = 0; px < std::min(stride, width); px++) {
        const Phase v(py, stride, top, w[0]), h(px, stride, left, w[1]);
        const bool any = v.taps > 0 && h.taps > 0;
        const Windows windows{call.input(0), dy[0], dy[1], dy[2], f, any ? v.taps : 0, any ? h.taps : 0, 1, v.start, h.start, (height - py + stride - 1) / stride, (width - px + stride - 1) / stride};
        const Matrix matrix{windows.products(), c, f, [&](int64_t p) {
          const int64_t ty = p / (h.taps * f), tx = p / f % h.taps;
          return weights + ((v.last - stride * ty) * w[1] + h.last - stride * tx) * c * f + p % f;
        }};
        correlate(windows, matrix, [&](int64_t i, int64_t gy, int64_t gx, int64_t lane, Vec value) {
          finish.put((i * height + py + gy * stride) * width + px + gx * stride, lane, value);
        });
      }
    }
  }

  // With few channels, the results of all phases of a place share one vector; one window contains the windows of all phases.
  void merged(Call& call, const Dims& dy, const Dims& w, const Finish& finish) const {
    const float* weights = call.input(1);
    const int64_t f = dy[3], c = w[2], columns = stride * stride * c;
    int64_t topmost = 0, leftmost = 0, lowest = 0, rightmost = 0;  // the window reaches from i - topmost to i + lowest
    for (int64_t p = 0; p < stride; p++) {
      const Phase v(p, stride, top, w[0]), h(p, stride, left, w[1]);
      if (v.taps > 0) topmost = std::max(topmost, v.start), lowest = std::max(lowest, v.taps - 1 - v.start);
      if (h.taps > 0) leftmost = std::max(leftmost, h.start), rightmost = std::max(rightmost, h.taps - 1 - h.start);
    }
    const Windows windows{call.input(0), dy[0], dy[1], dy[2], f, topmost + lowest + 1, leftmost + rightmost + 1, 1, topmost, leftmost, (height + stride - 1) / stride, (width + stride - 1) / stride};
    std::vector<float> matrix(windows.products() * columns, 0.0f);
    for (int64_t py = 0; py < stride; py++)
      for (int64_t px = 0; px < stride; px++) {
        const Phase v(py, stride, top, w[0]), h(px, stride, left, w[1]);
        for (int64_t ty = 0; ty < v.taps; ty++)
          for (int64_t tx = 0; tx < h.taps; tx++)
            for (int64_t k = 0; k < f; k++)
              for (int64_t ch = 0; ch < c; ch++) {
                const int64_t row = ty + topmost - v.start, col = tx + leftmost - h.start;
                matrix[((row * windows.cols + col) * f + k) * columns + (py * stride + px) * c + ch] = weights[(((v.last - stride * ty) * w[1] + h.last - stride * tx) * c + ch) * f + k];
              }
      }
    Vec bias{};
    for (int64_t i = 0; i < columns; i++) bias[i] = finish.bias[i % c];
    correlate(windows, Matrix{windows.products(), columns, 1, [&](int64_t p) { return matrix.data() + p * columns; }}, [&](int64_t i, int64_t gy, int64_t gx, int64_t, Vec value) {
      float results[lanes];
      store(results, activate(value + bias, activation));
      const int64_t across = std::min(stride, width - gx * stride);
      for (int64_t py = 0; py < stride && gy * stride + py < height; py++)
        std::memcpy(finish.y + ((i * height + gy * stride + py) * width + gx * stride) * c, results + py * stride * c, across * c * sizeof(float));
    });
  }
};

const std::vector<const char*> attributes = {"stride: int", "padTop: int", "padLeft: int", "height: int", "width: int", "activation: int"};
const Op<Conv> conv("WinnowConv", {"x: float", "w: float", "bias: float"}, {"y: float"}, attributes);
const Op<ConvInput> convInput("WinnowConvInput", {"dy: float", "w: float", "bias: float"}, {"y: float"}, attributes);

}  // namespace
}  // namespace winnow
