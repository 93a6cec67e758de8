// The inner loops of augmentation, for the worker thread that prepares batches, where JavaScript is too slow. Results are bit-identical to the TypeScript version
// beside each call. Plain loops that the compiler vectorises, without contraction to fused multiply-adds, which round differently. Independent of TensorFlow.
#include <node_api.h>
#include <cmath>
#include <cstdint>

namespace {

// The arguments of a call: pointers to typed arrays, and numbers.
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) { napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr); }
  template <class T = uint8_t> T* array(int i, size_t* length = nullptr) {
    void* data = nullptr;
    napi_get_typedarray_info(env_, values_[i], nullptr, length, &data, nullptr, nullptr);
    return static_cast<T*>(data);
  }
  double number(int i) {
    double value = 0;
    napi_get_value_double(env_, values_[i], &value);
    return value;
  }
  int whole(int i) { return static_cast<int>(number(i)); }

 private:
  napi_env env_;
  size_t count_ = 10;
  napi_value values_[10];
};

inline uint8_t clamped(float value) { return value < 0 ? 0 : value > 255 ? 255 : static_cast<uint8_t>(value); }
inline int gray(const uint8_t* p) { return (2989 * p[0] + 5870 * p[1] + 1140 * p[2]) / 10000; }

// (image, table [256])
napi_value lookUp(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  size_t n;
  uint8_t* image = a.array(0, &n);
  const uint8_t* table = a.array(1);
  for (size_t i = 0; i < n; i++) image[i] = table[image[i]];
  return nullptr;
}

// (image, tables [3, 256])
napi_value lookUpEach(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  size_t n;
  uint8_t* image = a.array(0, &n);
  const uint8_t* table = a.array(1);
  for (size_t i = 0; i + 2 < n; i += 3) {
    image[i] = table[image[i]];
    image[i + 1] = table[256 + image[i + 1]];
    image[i + 2] = table[512 + image[i + 2]];
  }
  return nullptr;
}

// (image) → sum of the luminance of all pixels
napi_value graySum(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  size_t n;
  const uint8_t* image = a.array(0, &n);
  int64_t sum = 0;
  for (size_t i = 0; i + 2 < n; i += 3) sum += gray(image + i);
  napi_value result;
  napi_create_int64(env, sum, &result);
  return result;
}

// (image, counts [3, 256] of uint32)
napi_value count(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  size_t n;
  const uint8_t* image = a.array(0, &n);
  uint32_t* counts = a.array<uint32_t>(1);
  for (size_t i = 0; i + 2 < n; i += 3) for (int c = 0; c < 3; c++) counts[256 * c + image[i + c]]++;
  return nullptr;
}

// (image, factor, 1 - factor), both rounded to float32
napi_value saturate(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  size_t n;
  uint8_t* image = a.array(0, &n);
  const float own = static_cast<float>(a.number(1)), other = static_cast<float>(a.number(2));
  for (size_t i = 0; i + 2 < n; i += 3) {
    const float level = static_cast<float>(gray(image + i));
    for (int c = 0; c < 3; c++) image[i + c] = clamped(std::fma(level, other, image[i + c] * own)); // rounded once, like a sum of doubles
  }
  return nullptr;
}

// (image, its copy, side, 1 - factor)
napi_value sharpen(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  uint8_t* image = a.array(0);
  const uint8_t* source = a.array(1);
  const int size = a.whole(2), line = size * 3;
  const float weight = static_cast<float>(a.number(3));
  for (int y = 1; y < size - 1; y++) {
    const uint8_t *s = source + y * line, *above = s - line, *below = s + line;
    uint8_t* out = image + y * line;
    for (int i = 3; i < line - 3; i++) {
      const int own = s[i];
      const int around = above[i - 3] + above[i] + above[i + 3] + s[i - 3] + s[i + 3] + below[i - 3] + below[i] + below[i + 3];
      const int soft = (2 * (around + 5 * own) + 13) / 26;
      out[i] = clamped(own + (soft - own) * weight);
    }
  }
  return nullptr;
}

struct Warp {
  uint8_t* image;
  const uint8_t* source;
  int size;
  double m[6];
};
Warp warpOf(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  const double* m = a.array<double>(3);
  return {a.array(0), a.array(1), a.whole(2), {m[0], m[1], m[2], m[3], m[4], m[5]}};
}

// (image, its copy, side, matrix [6]): nearest neighbour, black outside
napi_value warpNearest(napi_env env, napi_callback_info info) {
  const auto [image, source, size, m] = warpOf(env, info);
  const double middle = (size - 1) / 2.0;
  uint8_t* out = image;
  for (int y = 0; y < size; y++) {
    const double v = y - middle, x0 = -middle * m[0] + v * m[1] + m[2] + middle, y0 = -middle * m[3] + v * m[4] + m[5] + middle;
    for (int i = 0; i < size; i++, out += 3) {
      const double px = x0 + i * m[0] + 0.5, py = y0 + i * m[3] + 0.5;
      if (px >= 0 && py >= 0 && px < size && py < size) {
        const uint8_t* from = source + (static_cast<int>(py) * size + static_cast<int>(px)) * 3;
        out[0] = from[0];
        out[1] = from[1];
        out[2] = from[2];
      } else out[0] = out[1] = out[2] = 0;
    }
  }
  return nullptr;
}

// (image, its copy, side, matrix [6]): bilinear with weights in 1/256, repeated border
napi_value warpSmooth(napi_env env, napi_callback_info info) {
  const auto [image, source, size, m] = warpOf(env, info);
  const double middle = (size - 1) / 2.0, last = size - 1;
  uint8_t* out = image;
  for (int y = 0; y < size; y++) {
    const double v = y - middle, x0 = -middle * m[0] + v * m[1] + m[2] + middle, y0 = -middle * m[3] + v * m[4] + m[5] + middle;
    for (int i = 0; i < size; i++, out += 3) {
      double px = x0 + i * m[0], py = y0 + i * m[3];
      px = px < 0 ? 0 : px > last ? last : px;
      py = py < 0 ? 0 : py > last ? last : py;
      const int ix = static_cast<int>(px), iy = static_cast<int>(py);
      const int fx = static_cast<int>((px - ix) * 256), fy = static_cast<int>((py - iy) * 256);
      const uint8_t* p = source + (iy * size + ix) * 3;
      const int right = ix < last ? 3 : 0, below = iy < last ? size * 3 : 0;
      const int w11 = fx * fy, w10 = (fy << 8) - w11, w01 = (fx << 8) - w11, w00 = 65536 - w11 - w10 - w01;
      for (int c = 0; c < 3; c++) out[c] = static_cast<uint8_t>((p[c] * w00 + p[right + c] * w01 + p[below + c] * w10 + p[below + right + c] * w11 + 32768) >> 16);
    }
  }
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  const struct { const char* name; napi_callback call; } functions[] = {
    {"lookUp", lookUp}, {"lookUpEach", lookUpEach}, {"graySum", graySum}, {"count", count}, {"saturate", saturate}, {"sharpen", sharpen}, {"warpNearest", warpNearest}, {"warpSmooth", warpSmooth},
  };
  for (const auto& [name, call] : functions) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  }
  return exports;
}
