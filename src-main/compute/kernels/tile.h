// The inner loops of all convolutions: a tile of results that stays in registers while products are added to it (Goto & van de Geijn 2008). Tiles of eight rows
// × two vectors keep the arithmetic units of AVX-512 busy, six × two those of AVX2.
#pragma once
#include "simd.h"

namespace winnow {

#if defined(__AVX512F__)
constexpr int tileRows = 8;
#else
constexpr int tileRows = 6;
#endif
constexpr int tileVecs = 2;

template <int M, int N> struct Tile {
  Vec sums[M][N] = {};

  // sums[m][:] += a[m][r · stride + l] · panel[r][l][:], over r < rows and l < length. `panel` has N vectors for each product, and `past`
  // floats after each row.
  inline __attribute__((always_inline)) void addRows(const float* const* a, int64_t rows, int64_t stride, int64_t length, const float* panel, int64_t past = 0) {
    for (int64_t r = 0; r < rows; r++, panel += past) {
      const float* at[M];
#pragma GCC unroll 8
      for (int m = 0; m < M; m++) at[m] = a[m] + r * stride;
      for (int64_t l = 0; l < length; l++) {
        Vec b[N];
#pragma GCC unroll 2
        for (int n = 0; n < N; n++) b[n] = load(panel + n * lanes);
        panel += N * lanes;
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
          Vec x = splat(at[m][l]);
#pragma GCC unroll 2
          for (int n = 0; n < N; n++) sums[m][n] += x * b[n];
        }
      }
    }
  }

  // sums[m][:] += a[k · aStep + m] · b[k · bStep + :], over k < count.
  inline __attribute__((always_inline)) void addProducts(const float* a, int64_t aStep, const float* b, int64_t bStep, int64_t count) {
    for (int64_t k = 0; k < count; k++, a += aStep, b += bStep) {
      Vec v[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; n++) v[n] = load(b + n * lanes);
#pragma GCC unroll 8
      for (int m = 0; m < M; m++) {
        Vec x = splat(a[m]);
#pragma GCC unroll 2
        for (int n = 0; n < N; n++) sums[m][n] += x * v[n];
      }
    }
  }
};

// Calls body with M as a constant: body(std::integral_constant<int, M>).
template <class Body> inline void withRows(int64_t rows, Body body) {
  switch (rows) {
    case 1: return body(std::integral_constant<int, 1>());
    case 2: return body(std::integral_constant<int, 2>());
    case 3: return body(std::integral_constant<int, 3>());
    case 4: return body(std::integral_constant<int, 4>());
    case 5: return body(std::integral_constant<int, 5>());
    case 6: return body(std::integral_constant<int, 6>());
    case 7: return body(std::integral_constant<int, 7>());
    default: return body(std::integral_constant<int, 8>());
  }
}

}  // namespace winnow
