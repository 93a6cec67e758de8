// Convolution forward, its gradient to the input and the transposed convolution are one thing: windows of an image times a matrix. In
// NHWC the values of one window's row lie together, so nothing is unfolded: a copy of some rows with zeros around them is enough.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>
#include "pool.h"
#include "tile.h"

namespace winnow {

// Windows of rows × cols over [n, h, w, c], `stride` apart, the first at (-top, -left); gridH × gridW of them.
struct Windows {
  const float* x;
  int64_t n, h, w, c;
  int64_t rows, cols, stride, top, left, gridH, gridW;
  int64_t length() const { return cols * c; }
  int64_t products() const { return rows * cols * c; }

  // The taps of a window's rows (or columns) that meet the image.
  struct Span {
    int64_t from, to;
    int64_t size() const { return std::max<int64_t>(0, to - from); }
  };
  Span rowsAt(int64_t gy) const { return {std::max<int64_t>(0, top - gy * stride), std::min(rows, h + top - gy * stride)}; }
  Span colsAt(int64_t gx) const { return {std::max<int64_t>(0, left - gx * stride), std::min(cols, w + left - gx * stride)}; }
  // The windows in whose row (or column) of taps the image is.
  Span placesOfRow(int64_t row) const { return places(row - top, h, gridH); }
  Span placesOfCol(int64_t col) const { return places(col - left, w, gridW); }
  Span places(int64_t first, int64_t size, int64_t grid) const {
    const int64_t before = std::max<int64_t>(0, -first), within = std::max<int64_t>(0, size - first);
    return {(before + stride - 1) / stride, std::min(grid, (within + stride - 1) / stride)};
  }
  // How many of all products are not with zeros around the image.
  double useful() const {
    int64_t down = 0, across = 0;
    for (int64_t y = 0; y < gridH; y++) down += rowsAt(y).size();
    for (int64_t x = 0; x < gridW; x++) across += colsAt(x).size();
    return static_cast<double>(down * across) / static_cast<double>(std::max<int64_t>(1, gridH * rows * gridW * cols));
  }
};

// The matrix [products, columns], packed for the tiles: groups of two vectors of columns, each [products][vectors · lanes], the last one
// perhaps of one vector. Columns are filled up with zeros.
class Panels {
 public:
  // at(p): the first column of product p, of which the next lie `step` apart.
  template <class At> Panels(int64_t products, int64_t columns, int64_t step, At at) : products_(products), vectors_((columns + lanes - 1) / lanes), data_(new float[products * vectors_ * lanes]) {
    parallel(groups(), [&](int64_t g) {
      float* out = data_.get() + g * tileVecs * lanes * products;
      const int64_t width = vectorsOf(g) * lanes, first = g * tileVecs * lanes, count = std::min(width, columns - first);
      // Some products at once: where columns lie apart, those that follow lie beside.
      for (int64_t p = 0; p < products; p += lanes, out += lanes * width) {
        const int64_t some = std::min<int64_t>(lanes, products - p);
        const float* in[lanes];
        for (int64_t q = 0; q < some; q++) {
          in[q] = at(p + q) + first * step;
          if (count < width) std::fill(out + q * width + count, out + (q + 1) * width, 0.0f);
        }
        if (step == 1) {
          for (int64_t q = 0; q < some; q++) std::memcpy(out + q * width, in[q], count * sizeof(float));
        } else {
          for (int64_t i = 0; i < count; i++)
            for (int64_t q = 0; q < some; q++) out[q * width + i] = in[q][i * step];
        }
      }
    });
  }
  int64_t groups() const { return (vectors_ + tileVecs - 1) / tileVecs; }
  int64_t vectorsOf(int64_t g) const { return std::min<int64_t>(tileVecs, vectors_ - g * tileVecs); }
  const float* group(int64_t g) const { return data_.get() + g * tileVecs * lanes * products_; }
  int64_t floats() const { return products_ * vectors_ * lanes; }

 private:
  int64_t products_, vectors_;
  std::unique_ptr<float[]> data_;
};

// Some rows of some images with what lies around them. Images i0..i1, windows' rows y0..y1; the copy lives until the thread's next one.
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

// Small images, many of them: a tile takes the same place of several images. Their windows meet the same zeros around them, so those
// products are left out, and nothing is copied.
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
template <class Put> void correlate(const Windows& v, const Panels& panels, Put put) {
  const int64_t grid = v.gridH * v.gridW;
  if (grid <= 0 || v.n <= 0) return;
  const int64_t filled = (v.n + tileRows - 1) / tileRows * tileRows;
  if (v.useful() * static_cast<double>(filled) < 0.93 * static_cast<double>(v.n)) return correlateAcross(v, panels, put);
  // A piece of work is some images whole, where they are small, or some rows of one.
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
    // The tile of places from p on, with some groups of columns.
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
    // Small panels stay in the cache beside a tile's windows; of large ones, one group at a time does.
    const int64_t step = panels.floats() <= 65536 ? std::max<int64_t>(1, g1 - g0) : 1;
    for (int64_t g = g0; g < g1; g += step)
      for (int64_t p = 0; p < places; p += tileRows) tile(p, g, g + step);
  });
}

}  // namespace winnow
