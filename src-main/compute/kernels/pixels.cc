// Converts bytes to floats, 0..1: batches are uploaded to TensorFlow as bytes.
#include "kernel.h"
#include "pool.h"

namespace winnow {
namespace {

struct Pixels {
  explicit Pixels(Attributes&) {}
  void operator()(Call& call) const {
    const uint8_t* bytes = call.input<uint8_t>(0);
    float* out = call.output(0, call.dims(0));
    if (!out) return;
    parallelSpans(call.size(0), 1 << 16, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) out[i] = static_cast<float>(bytes[i]) * (1.0f / 255.0f);
    });
  }
};

const Op<Pixels> pixels("WinnowPixels", {"bytes: uint8"}, {"y: float"});

}  // namespace
}  // namespace winnow
