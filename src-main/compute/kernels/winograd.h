// Winograd's minimal filtering F(2×2, R×R) for small windows with stride 1 (Lavin & Gray 2016, arXiv:1509.09308). Four results of neighbouring windows need (R
// + 1)² products per channel instead of 4 R²: 16 instead of 36 for R = 3, 9 instead of 16 for R = 2. Image and filters are transformed with factors of ±1 and ½
// only, so hardly any precision is lost.
#pragma once
#include "windows.h"

namespace winnow {

// One axis. data: R + 1 values of the image; filter: R weights; results: two, of R + 1 products.
template <int R> struct Minimal;

template <> struct Minimal<2> {
  static void data(const Vec* d, Vec* t) { t[0] = d[0] - d[1], t[1] = d[1], t[2] = d[2] - d[1]; }
  static void filter(const Vec* g, Vec* t) { t[0] = g[0], t[1] = g[0] + g[1], t[2] = g[1]; }
  static void results(const Vec* m, Vec* y) { y[0] = m[0] + m[1], y[1] = m[1] + m[2]; }
};

template <> struct Minimal<3> {
  static void data(const Vec* d, Vec* t) { t[0] = d[0] - d[2], t[1] = d[1] + d[2], t[2] = d[2] - d[1], t[3] = d[1] - d[3]; }
  static void filter(const Vec* g, Vec* t) {
    const Vec outer = (g[0] + g[2]) * 0.5f, inner = g[1] * 0.5f;
    t[0] = g[0], t[1] = outer + inner, t[2] = outer - inner, t[3] = g[2];
  }
  static void results(const Vec* m, Vec* y) { y[0] = m[0] + m[1] + m[2], y[1] = m[1] - m[2] - m[3]; }
};

// Applies `axis` to the rows of in[In × In], then to the columns: out[Out × Out].
template <int In, int Out, class Axis> inline __attribute__((always_inline)) void both(const Vec* in, Vec* out, Axis axis) {
  Vec half[In * Out], column[In], result[Out];
#pragma GCC unroll 4
  for (int r = 0; r < In; r++) axis(in + r * In, half + r * Out);
#pragma GCC unroll 4
  for (int c = 0; c < Out; c++) {
#pragma GCC unroll 4
    for (int r = 0; r < In; r++) column[r] = half[r * Out + c];
    axis(column, result);
#pragma GCC unroll 4
    for (int r = 0; r < Out; r++) out[r * Out + c] = result[r];
  }
}

template <int R, class At, class Put> void correlateMinimal(const Windows& v, const Matrix<At>& matrix, Put put) {
  constexpr int E = R + 1;
  const int64_t c = v.c, columns = matrix.columns;

  // The transformed filters: E × E matrices [c, columns], in the order of the weights in memory.
  const bool across = matrix.step == 1;
  const int64_t lines = across ? c : columns, length = across ? columns : c;
  Floats filters(E * E * lines * length);
  parallelSpans(lines, std::max<int64_t>(1, 4096 / length), [&](int64_t from, int64_t to) {
    for (int64_t line = from; line < to; line++) {
      const float* taps[R * R];
      for (int t = 0; t < R * R; t++) taps[t] = across ? matrix.at(t * c + line) : matrix.at(t * c) + line * matrix.step;
      eachVec(length, [&](int64_t i, int64_t count, auto whole) {
        Vec g[R * R], u[E * E], half[R * E];
        for (int t = 0; t < R * R; t++) g[t] = take(taps[t] + i, count, whole);
        for (int r = 0; r < R; r++) Minimal<R>::filter(g + r * R, half + r * E);
        for (int e = 0; e < E; e++) {
          Vec column[R], result[E];
          for (int r = 0; r < R; r++) column[r] = half[r * E + e];
          Minimal<R>::filter(column, result);
          for (int r = 0; r < E; r++) u[r * E + e] = result[r];
        }
        for (int k = 0; k < E * E; k++) winnow::put(filters.data() + (k * lines + line) * length + i, u[k], count, whole);
      });
    }
  });
  const Panels panels(Matrix{E * E * c, columns, across ? 1 : c, [&](int64_t p) { return filters.data() + (across ? p * columns : p / c * c * columns + p % c); }});

  // Blocks of tiles of 2 × 2 results; all sums of a block stay in the cache.
  const int64_t tilesW = (v.gridW + 1) / 2, tilesH = (v.gridH + 1) / 2, tiles = v.n * tilesH * tilesW;
  const int64_t floats = E * E * (c + tileVecs * lanes), some = 3 * 8;
  const int64_t most = std::max(some, std::min<int64_t>(131072 / floats, tiles / 8) / some * some);
  const Floats zeros(c, 0.0f);
  parallel((tiles + most - 1) / most, [&](int64_t b) {
    const int64_t first = b * most, count = std::min(most, tiles - first);
    static thread_local Floats scratch;
    scratch.grow(floats * most);
    float *data = scratch.data(), *sums = data + E * E * most * c;

    for (int64_t t = 0; t < count; t++) {
      const int64_t x = (first + t) % tilesW * 2 - v.left, y = (first + t) / tilesW % tilesH * 2 - v.top, image = (first + t) / tilesW / tilesH;
      const float* at[E * E];
      for (int r = 0; r < E; r++)
        for (int q = 0; q < E; q++) at[r * E + q] = y + r >= 0 && y + r < v.h && x + q >= 0 && x + q < v.w ? v.x + ((image * v.h + y + r) * v.w + x + q) * c : zeros.data();
      eachVec(c, [&](int64_t i, int64_t n, auto whole) {
        Vec d[E * E], u[E * E];
        for (int k = 0; k < E * E; k++) d[k] = take(at[k] + i, n, whole);
        both<E, E>(d, u, Minimal<R>::data);
        for (int k = 0; k < E * E; k++) winnow::put(data + (k * most + t) * c + i, u[k], n, whole);
      });
    }

    for (int64_t g = 0; g < panels.groups(); g++) {
      auto run = [&](auto vectors) {
        constexpr int N = decltype(vectors)::value, width = N * lanes;
        for (int k = 0; k < E * E; k++)
          for (int64_t t = 0; t < count; t += tileRows)
            withRows(std::min<int64_t>(tileRows, count - t), [&](auto rows) {
              constexpr int M = decltype(rows)::value;
              const float* a[M];
              for (int m = 0; m < M; m++) a[m] = data + (k * most + t + m) * c;
              Tile<M, N> tile;
              tile.addRows(a, 1, 0, c, panels.group(g) + k * c * width);
              for (int m = 0; m < M; m++)
                for (int n = 0; n < N; n++) store(sums + (k * most + t + m) * width + n * lanes, tile.sums[m][n]);
            });
        for (int64_t t = 0; t < count; t++) {
          const int64_t x = (first + t) % tilesW * 2, y = (first + t) / tilesW % tilesH * 2, image = (first + t) / tilesW / tilesH;
          for (int n = 0; n < N; n++) {
            Vec m[E * E], results[4];
            for (int k = 0; k < E * E; k++) m[k] = load(sums + (k * most + t) * width + n * lanes);
            both<E, 2>(m, results, Minimal<R>::results);
            for (int k = 0; k < 4; k++)
              if (y + k / 2 < v.gridH && x + k % 2 < v.gridW) put(image, y + k / 2, x + k % 2, g * tileVecs + n, results[k]);
          }
        }
      };
      if (panels.vectorsOf(g) == 2) run(std::integral_constant<int, 2>());
      else run(std::integral_constant<int, 1>());
    }
  });
}

// True if minimal filtering is less work than direct convolution, counted in vector operations: products, and the transforms before and after.
inline bool minimalPays(const Windows& v, int64_t columns) {
  if (v.stride != 1 || v.rows != v.cols || v.rows < 2 || v.rows > 3) return false;
  const double vectors = (columns + lanes - 1) / lanes, e = static_cast<double>((v.rows + 1) * (v.rows + 1)), c = static_cast<double>(v.c);
  const double tiles = static_cast<double>(v.n * ((v.gridH + 1) / 2) * ((v.gridW + 1) / 2)), places = static_cast<double>(v.n * v.gridH * v.gridW);
  const double direct = places * v.useful() * static_cast<double>(v.rows * v.cols) * c * vectors;
  const double minimal = tiles * (e * c * vectors + 5 * e * (c / lanes + vectors)) + 4 * e * c * vectors;
  return minimal < 0.9 * direct;
}

}  // namespace winnow
