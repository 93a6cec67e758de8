// The loops of duplicate/spectrum.ts. Results are bit-identical to those: each sum is a double, added in the same order, and several sums are added side by side.
#include <algorithm>
#include <cmath>
#include <cstring>
#include "picture.h"

namespace winnow {
namespace {

constexpr int kept = spectrumKept, order = spectrumOrder, side = 32, half = side / 2, lumaAt = 6;

typedef double Four __attribute__((vector_size(32)));

inline Four load(const double* from) {
  Four value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// `n` sums at once: out[i] = Σ factors[k] · columns[k, i].
template <int n>
inline void sums(const float* factors, int count, const double* columns, double* out) {
  static_assert(n % 4 == 0, "whole vectors");
  Four total[n / 4] = {};
  for (int k = 0; k < count; k++)
    for (int i = 0; i < n / 4; i++) total[i] += static_cast<double>(factors[k]) * load(columns + k * n + 4 * i);
  std::memcpy(out, total, sizeof total);
}

inline double rounded(double value) { return static_cast<double>(static_cast<float>(value)); }

}  // namespace

double transform(const uint8_t* print, const float* base, float* out) {
  // [2 · (v is odd) + (u is odd)][x, y]
  alignas(64) double quarters[4][half * half];
  for (int y = 0; y < half; y++) {
    const uint8_t *top = print + lumaAt + y * side, *bottom = print + lumaAt + (side - 1 - y) * side;
    for (int x = 0; x < half; x++) {
      const int p = top[x], q = top[side - 1 - x], r = bottom[x], s = bottom[side - 1 - x], at = x * half + y;
      quarters[0][at] = p + q + r + s;
      quarters[1][at] = p - q + r - s;
      quarters[2][at] = p + q - r - s;
      quarters[3][at] = p - q - r + s;
    }
  }
  double energy = 0;
  alignas(64) double rows[half * kept];  // [y, u]
  for (int down = 0; down < 2; down++) {
    for (int u = 0; u < kept; u++) {
      double line[half];
      sums<half>(base + u * half, half, quarters[2 * down + (u & 1)], line);
      for (int y = 0; y < half; y++) rows[y * kept + u] = rounded(line[y]);
    }
    for (int v = down; v < kept; v += 2) {
      double line[kept];
      sums<kept>(base + v * half, half, rows, line);
      for (int u = 0; u < kept; u++) {
        out[v * kept + u] = static_cast<float>(line[u]);
        if (u + v > 0) energy += line[u] * line[u];
      }
    }
  }
  return (std::sqrt(energy) * (print[4] * 256 + print[5])) / 256 / 255;
}

void pointsOf(const float* coefficients, const float* maps, int windows, float* out) {
  alignas(64) double columns[kept * kept];  // [k, v]
  for (int v = 0; v < kept; v++)
    for (int k = 0; k < kept; k++) columns[k * kept + v] = coefficients[v * kept + k];
  alignas(64) double partial[kept * order];  // [v, u]
  for (int window = 0; window < windows; window++) {
    const float *across = maps + static_cast<size_t>(2 * window) * order * kept, *down = across + order * kept;
    for (int u = 0; u < order; u++) {
      double line[kept];
      sums<kept>(across + u * kept, kept, columns, line);
      for (int v = 0; v < kept; v++) partial[v * order + u] = rounded(line[v]);
    }
    double grid[order][order];  // [v, u]
    for (int v = 0; v < order; v++) sums<order>(down + v * kept, kept, partial, grid[v]);
    // Lowest frequencies first, without the mean.
    float* point = out;
    for (int sum = 1; sum < order; sum++)
      for (int u = 0; u <= sum; u++) *point++ = static_cast<float>(grid[sum - u][u]);
    double energy = 0;
    for (const float* value = out; value < point; value++) energy += static_cast<double>(*value) * *value;
    const double scale = energy > 0 ? 1 / std::sqrt(energy) : 0;
    for (float* value = out; value < point; value++) *value = static_cast<float>(*value * scale);
    out = point;
  }
}

}  // namespace winnow
