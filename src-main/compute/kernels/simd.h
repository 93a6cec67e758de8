// SIMD vectors: 16 floats if compiled for AVX-512, otherwise 8.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace winnow {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#else
constexpr int lanes = 8;
#endif

typedef float Vec __attribute__((vector_size(lanes * 4)));
typedef int32_t IntVec __attribute__((vector_size(lanes * 4)));
typedef uint8_t ByteVec __attribute__((vector_size(lanes)));
typedef float LooseVec __attribute__((vector_size(lanes * 4), aligned(4), may_alias));

inline Vec load(const float* p) { return *reinterpret_cast<const LooseVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<LooseVec*>(p) = v; }
inline Vec splat(float x) { return x - Vec{}; }

// Only the first `count` floats.
inline Vec loadSome(const float* p, int64_t count) {
  Vec v{};
  std::memcpy(&v, p, count * sizeof(float));
  return v;
}
inline void storeSome(float* p, Vec v, int64_t count) { std::memcpy(p, &v, count * sizeof(float)); }

// Calls body(first, count, whole) for each vector of `size` floats. `whole` is false for an incomplete last one.
template <class Body> inline void eachVec(int64_t size, Body body) {
  int64_t i = 0;
  for (; i + lanes <= size; i += lanes) body(i, int64_t(lanes), std::true_type());
  if (i < size) body(i, size - i, std::false_type());
}
template <class Whole> inline Vec take(const float* p, int64_t count, Whole) {
  if constexpr (Whole::value) return load(p);
  else return loadSome(p, count);
}
template <class Whole> inline void put(float* p, Vec v, int64_t count, Whole) {
  if constexpr (Whole::value) store(p, v);
  else storeSome(p, v, count);
}

inline Vec most(Vec a, Vec b) { return a > b ? a : b; }
inline Vec least(Vec a, Vec b) { return a < b ? a : b; }

// e^x by Cephes' polynomial (Moshier): relative error below 2e-7 for -87 < x < 88, clamped beyond.
inline Vec exponential(Vec x) {
  x = least(most(x, splat(-87.3f)), splat(88.0f));
  Vec scaled = x * 1.44269504f;
  IntVec n = __builtin_convertvector(scaled + (scaled < 0 ? splat(-0.5f) : splat(0.5f)), IntVec);
  Vec k = __builtin_convertvector(n, Vec);
  Vec r = x - k * 0.693359375f + k * 2.12194440e-4f;
  Vec p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  IntVec bits = (n + 127) << 23;
  Vec power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

// Activations, numbered as in ops/activation.ts.
enum Activation : int64_t { none = 0, relu = 1, relu6 = 2, sigmoid = 3 };

inline Vec activate(Vec v, int64_t activation) {
  switch (activation) {
    case relu: return most(v, Vec{});
    case relu6: return least(most(v, Vec{}), splat(6.0f));
    case sigmoid: return 1.0f / (1.0f + exponential(-v));
    default: return v;
  }
}

// The derivative of the activation, computed from its result y.
inline Vec slope(Vec y, int64_t activation) {
  switch (activation) {
    case relu: return y > 0 ? splat(1.0f) : Vec{};
    case relu6: return (y > 0) & (y < 6.0f) ? splat(1.0f) : Vec{};
    case sigmoid: return y * (1.0f - y);
    default: return splat(1.0f);
  }
}

}  // namespace winnow
