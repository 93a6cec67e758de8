// Convolution, its gradient with respect to the input, and the transposed convolution are the same computation: windows of an image times a matrix. In NHWC the
// values of one row of a window are contiguous, so no im2col is needed: a copy of some rows with zero padding is enough.
#pragma once
#include <vector>
#include "winograd.h"

namespace winnow {

// The rows of images i0..i1 that the windows of rows y0..y1 need, with padding. The copy is valid until the thread makes the next one.
struct Band {
  const float* at;
  int64_t rowStep, imageStep;  // floats
  static Band of(const Windows& v, int64_t i0, int64_t i1, int64_t y0, int64_t y1) {
    int64_t width = (v.gridW - 1) * v.stride + v.cols, height = (y1 - y0 - 1) * v.stride + v.rows;
    int64_t firstRow = y0 * v.stride - v.top;
    if (v.left == 0 && width <= v.w && firstRow >= 0 && firstRow + height <= v.h) return {v.x + ((i0 * v.h) + firstRow) * v.w * v.c, v.w * v.c, v.h * v.w * v.c};
    static thread_local std::vector<float> copy;
    copy.resize((i1 - i0) * height * width * v.c);
    float* out = copy.data();
    int64_t from = std::max<int64_t>(0, -v.left), before = std::max<int64_t>(0, v.left);
    int64_t count = std::max<int64_t>(0, std::min(v.w - from, width - before));
    for (int64_t i = i0; i < i1; i++) {
      for (int64_t r = 0; r < height; r++, out += width * v.c) {
        int64_t y = firstRow + r;
        bool inside = y >= 0 && y < v.h && count > 0;
        if (!inside) {
          std::fill(out, out + width * v.c, 0.0f);
          continue;
        }
        std::fill(out, out + before * v.c, 0.0f);
        std::memcpy(out + before * v.c, v.x + (((i * v.h) + y) * v.w + from) * v.c, count * v.c * sizeof(float));
        std::fill(out + (before + count) * v.c, out + width * v.c, 0.0f);
      }
    }
    return {copy.data(), width * v.c, height * width * v.c};
  }
};

// For many small images: a tile has the same place of several images. Their windows meet the same padding, so these products are skipped, and nothing is copied.
template <class Put> void correlateAcross(const Windows& v, const Panels& panels, Put put) {
  const int64_t tiles = (v.n + tileRows - 1) / tileRows, groups = panels.groups();
  const int64_t shares = panels.floats() > 65536 ? groups : 1, bands = std::clamp<int64_t>(16 / (tiles * shares), 1, v.gridH);
  parallel(tiles * bands * shares, [&](int64_t chunk) {
    const int64_t share = chunk / (tiles * bands), t = chunk / bands % tiles, band = chunk % bands;
    const int64_t i0 = v.n * t / tiles, y1 = v.gridH * (band + 1) / bands;
    withRows(v.n * (t + 1) / tiles - i0, [&](auto images) {
      constexpr int M = decltype(images)::value;
      for (int64_t y = v.gridH * band / bands; y < y1; y++) {
        for (int64_t x = 0; x < v.gridW; x++) {
          const Windows::Span rows = v.rowsAt(y), cols = v.colsAt(x);
          const bool any = rows.size() > 0 && cols.size() > 0;
          const float* a[M];
          for (int m = 0; m < M; m++) a[m] = any ? v.x + (((i0 + m) * v.h + y * v.stride - v.top + rows.from) * v.w + x * v.stride - v.left + cols.from) * v.c : v.x;
          for (int64_t g = groups * share / shares; g < groups * (share + 1) / shares; g++) {
            auto run = [&](auto vectors) {
              constexpr int N = decltype(vectors)::value;
              Tile<M, N> tile;
              if (any) tile.addRows(a, rows.size(), v.w * v.c, cols.size() * v.c, panels.group(g) + (rows.from * v.length() + cols.from * v.c) * N * lanes, (v.cols - cols.size()) * v.c * N * lanes);
              for (int m = 0; m < M; m++)
                for (int n = 0; n < N; n++) put(i0 + m, y, x, g * tileVecs + n, tile.sums[m][n]);
            };
            if (panels.vectorsOf(g) == 2) run(std::integral_constant<int, 2>());
            else run(std::integral_constant<int, 1>());
          }
        }
      }
    });
  });
}

// Calls put(image, gridY, gridX, vector, values) once for each window and vector of columns.
template <class At, class Put> void correlate(const Windows& v, const Matrix<At>& matrix, Put put) {
  const int64_t grid = v.gridH * v.gridW;
  if (grid <= 0 || v.n <= 0) return;
  if (minimalPays(v, matrix.columns)) return v.rows == 3 ? correlateMinimal<3>(v, matrix, put) : correlateMinimal<2>(v, matrix, put);
  const Panels panels(matrix);
  const int64_t filled = (v.n + tileRows - 1) / tileRows * tileRows;
  if (v.useful() * static_cast<double>(filled) < 0.93 * static_cast<double>(v.n)) return correlateAcross(v, panels, put);
  // A chunk of work is several complete images if they are small, otherwise some rows of one.
  const int64_t rowFloats = ((v.gridW - 1) * v.stride + v.cols) * v.c;
  int64_t bandRows = std::clamp<int64_t>((49152 / rowFloats - v.rows) / v.stride + 1, 1, v.gridH);
  if (v.n < 8) bandRows = std::min(bandRows, std::max<int64_t>(1, (v.gridH * v.n + 7) / 8));
  const int64_t bands = (v.gridH + bandRows - 1) / bandRows;
  const int64_t together = bands > 1 ? 1 : std::clamp<int64_t>(64 / grid, 1, std::max<int64_t>(1, v.n / 2));
  const int64_t blocks = (v.n + together - 1) / together * bands;
  const int64_t shares = blocks >= 8 ? 1 : std::min(panels.groups(), (8 + blocks - 1) / blocks);
  const int64_t block = v.products() == 0 ? 0 : 1;

  parallel(blocks * shares, [&](int64_t chunk) {
    const int64_t b = chunk / shares, share = chunk % shares;
    const int64_t i0 = b / bands * together, i1 = std::min(v.n, i0 + together);
    const int64_t y0 = b % bands * bandRows, y1 = std::min(v.gridH, y0 + bandRows);
    const int64_t g0 = panels.groups() * share / shares, g1 = panels.groups() * (share + 1) / shares;
    const Band band = block ? Band::of(v, i0, i1, y0, y1) : Band{v.x, 0, 0};
    const int64_t perImage = (y1 - y0) * v.gridW, places = (i1 - i0) * perImage;
    // Computes the tile of places from p on, for groups of columns from..to.
    auto tile = [&](int64_t p, int64_t from, int64_t to) {
      withRows(std::min<int64_t>(tileRows, places - p), [&](auto rows) {
        constexpr int M = decltype(rows)::value;
        const float* a[M];
        int64_t image[M], y[M], x[M];
        int64_t i = p / perImage, down = p % perImage / v.gridW, across = p % v.gridW;
        for (int m = 0; m < M; m++) {
          image[m] = i0 + i;
          y[m] = y0 + down;
          x[m] = across;
          a[m] = band.at + i * band.imageStep + down * v.stride * band.rowStep + across * v.stride * v.c;
          if (++across == v.gridW) across = 0, down++;
          if (down == y1 - y0) down = 0, i++;
        }
        for (int64_t g = from; g < to; g++) {
          auto run = [&](auto vectors) {
            constexpr int N = decltype(vectors)::value;
            Tile<M, N> tile;
            tile.addRows(a, v.rows * block, band.rowStep, v.length(), panels.group(g));
            for (int m = 0; m < M; m++)
              for (int n = 0; n < N; n++) put(image[m], y[m], x[m], g * tileVecs + n, tile.sums[m][n]);
          };
          if (panels.vectorsOf(g) == 2) run(std::integral_constant<int, 2>());
          else run(std::integral_constant<int, 1>());
        }
      });
    };
    // Small panels stay in the cache together with a tile's windows; of large ones, only one group at a time.
    const int64_t step = panels.floats() <= 65536 ? std::max<int64_t>(1, g1 - g0) : 1;
    for (int64_t g = g0; g < g1; g += step)
      for (int64_t p = 0; p < places; p += tileRows) tile(p, g, g + step);
  });
}

}  // namespace winnow
