// Max pooling over square windows. Of several places with the maximum, the first in row order counts; NaN is passed on. The place of each maximum is stored as
// a byte, so that the gradient reads neither x nor y.
#include "kernel.h"
#include "pool.h"
#include "simd.h"

namespace winnow {
namespace {

// Along an axis, result o covers the places o * stride - padding + 0..size-1 that are inside the image.
struct Window {
  int64_t size, stride, top, left;
  explicit Window(Attributes& a) : size(a.integer("size")), stride(a.integer("stride")), top(a.integer("padTop")), left(a.integer("padLeft")) {}
};

constexpr uint8_t nowhere = 255;  // for a window that covers only padding

struct MaxPool : Window {
  int64_t height, width;
  explicit MaxPool(Attributes& a) : Window(a), height(a.integer("height")), width(a.integer("width")) {}

  // x [n, h, w, c] → y [n, height, width, c], index: place in the window
  void operator()(Call& call) const {
    const Dims dims = call.dims(0);
    if (dims.size() != 4 || size < 1 || size > 15 || stride < 1) return call.fail("WinnowMaxPool: takes images and windows of up to 15 x 15.");
    const int64_t h = dims[1], w = dims[2], c = dims[3];
    const float* x = call.input(0);
    const Dims result{dims[0], height, width, c};
    float* y = call.output(0, result);
    uint8_t* index = call.output<uint8_t>(1, result, TF_UINT8);
    if (call.failed()) return;
    parallelSpans(dims[0] * height, std::max<int64_t>(1, 8192 / std::max<int64_t>(1, width * stride * stride * c)), [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; r++) {
        const int64_t startY = r % height * stride - top, endY = std::min(h, startY + size);
        const float* image = x + r / height * h * w * c;
        for (int64_t q = 0; q < width; q++) {
          const int64_t startX = q * stride - left, endX = std::min(w, startX + size), at = (r * width + q) * c;
          eachVec(c, [&](int64_t i, int64_t count, auto whole) {
            Vec best = splat(-3.4e38f);
            IntVec which = IntVec{} + nowhere;
            for (int64_t iy = std::max<int64_t>(0, startY); iy < endY; iy++)
              for (int64_t ix = std::max<int64_t>(0, startX); ix < endX; ix++) {
                const Vec v = take(image + (iy * w + ix) * c + i, count, whole);
                const IntVec better = (v > best) | (v != v) | (which == nowhere);
                best = better ? v : best;
                which = better ? IntVec{} + static_cast<int32_t>((iy - startY) * size + ix - startX) : which;
              }
            put(y + at + i, best, count, whole);
            const ByteVec bytes = __builtin_convertvector(which, ByteVec);
            std::memcpy(index + at + i, &bytes, count);
          });
        }
      }
    });
  }
};

struct MaxPoolGrad : Window {
  int64_t height, width;
  explicit MaxPoolGrad(Attributes& a) : Window(a), height(a.integer("height")), width(a.integer("width")) {}

  // index, dy [n, outH, outW, c] → dx [n, height, width, c]: each place adds the gradients of the windows whose maximum it is.
  void operator()(Call& call) const {
    const Dims dims = call.dims(1);
    if (dims.size() != 4 || call.size(0) != call.size(1)) return call.fail("WinnowMaxPoolGrad: index and dy do not fit.");
    const int64_t outH = dims[1], outW = dims[2], c = dims[3];
    const uint8_t* index = call.input<uint8_t>(0);
    const float* dy = call.input(1);
    float* dx = call.output(0, {dims[0], height, width, c});
    if (!dx) return;
    parallelSpans(dims[0] * height, std::max<int64_t>(1, 8192 / std::max<int64_t>(1, width * c)), [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; r++) {
        const int64_t iy = r % height + top, firstY = first(iy), endY = std::min(outH, iy / stride + 1), image = r / height * outH;
        for (int64_t q = 0; q < width; q++) {
          const int64_t ix = q + left, firstX = first(ix), endX = std::min(outW, ix / stride + 1);
          eachVec(c, [&](int64_t i, int64_t count, auto whole) {
            Vec sum{};
            for (int64_t oy = firstY; oy < endY; oy++)
              for (int64_t ox = firstX; ox < endX; ox++) {
                const int64_t at = ((image + oy) * outW + ox) * c + i;
                ByteVec bytes{};
                std::memcpy(&bytes, index + at, count);
                const IntVec here = __builtin_convertvector(bytes, IntVec) == static_cast<int32_t>((iy - oy * stride) * size + ix - ox * stride);
                sum += here ? take(dy + at, count, whole) : Vec{};
              }
            put(dx + (r * width + q) * c + i, sum, count, whole);
          });
        }
      }
    });
  }

  // The first window that covers the place, which is counted from the edge of the padding.
  int64_t first(int64_t place) const { return place < size ? 0 : (place - size) / stride + 1; }
};

const Op<MaxPool> maxPool("WinnowMaxPool", {"x: float"}, {"y: float", "index: uint8"}, {"size: int", "stride: int", "padTop: int", "padLeft: int", "height: int", "width: int"});
const Op<MaxPoolGrad> maxPoolGrad("WinnowMaxPoolGrad", {"index: uint8", "dy: float"}, {"dx: float"}, {"size: int", "stride: int", "padTop: int", "padLeft: int", "height: int", "width: int"});

}  // namespace
}  // namespace winnow
