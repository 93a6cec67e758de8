// Convolution forward, its gradient to the input and the transposed convolution are one thing: windows of an image times a matrix. In
// NHWC the values of one window's row lie together, so nothing is unfolded: a copy of some rows with zeros around them is enough.
#pragma once
#include <algorithm>
#include <functional>
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
};

// The matrix [products, columns], packed for the tiles: groups of two vectors of columns, each [products][vectors · lanes], the last one
// perhaps of one vector. Columns are filled up with zeros.
class Panels {
 public:
  // at(p): the first column of product p, of which `count` lie `step` apart; nullptr for zeros.
  template <class At> Panels(int64_t products, int64_t columns, int64_t step, At at) : products_(products), vectors_((columns + lanes - 1) / lanes), data_(products * vectors_ * lanes) {
    parallel(groups(), [&](int64_t g) {
      float* out = data_.data() + g * tileVecs * lanes * products;
      int64_t width = vectorsOf(g) * lanes, first = g * tileVecs * lanes, count = std::min(width, columns - first);
      for (int64_t p = 0; p < products; p++, out += width) {
        const float* in = at(p);
        int64_t i = 0;
        if (in) for (in += first * step; i < count; i++) out[i] = in[i * step];
        for (; i < width; i++) out[i] = 0;
      }
    });
  }
  int64_t groups() const { return (vectors_ + tileVecs - 1) / tileVecs; }
  int64_t vectorsOf(int64_t g) const { return std::min<int64_t>(tileVecs, vectors_ - g * tileVecs); }
  const float* group(int64_t g) const { return data_.data() + g * tileVecs * lanes * products_; }
  int64_t floats() const { return static_cast<int64_t>(data_.size()); }

 private:
  int64_t products_, vectors_;
  std::vector<float> data_;
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

// Calls put(image, gridY, gridX, vector, values) once for each window and vector of columns.
template <class Put> void correlate(const Windows& v, const Panels& panels, Put put) {
  const int64_t grid = v.gridH * v.gridW;
  if (grid <= 0 || v.n <= 0) return;
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
    auto tile = [&](int64_t p, int64_t g) {
      withRows(std::min<int64_t>(tileRows, places - p), [&](auto rows) {
        constexpr int M = decltype(rows)::value;
        const float* a[M];
        int64_t image[M], y[M], x[M];
        for (int m = 0; m < M; m++) {
          int64_t i = (p + m) / perImage, within = (p + m) % perImage;
          image[m] = i0 + i;
          y[m] = within / v.gridW;
          x[m] = within % v.gridW;
          a[m] = band.at + i * band.imageStep + y[m] * v.stride * band.rowStep + x[m] * v.stride * v.c;
        }
        auto run = [&](auto vectors) {
          constexpr int N = decltype(vectors)::value;
          Tile<M, N> tile;
          tile.addRows(a, v.rows * block, band.rowStep, v.length(), panels.group(g));
          for (int m = 0; m < M; m++)
            for (int n = 0; n < N; n++) put(image[m], y0 + y[m], x[m], g * tileVecs + n, tile.sums[m][n]);
        };
        if (panels.vectorsOf(g) == 2) run(std::integral_constant<int, 2>());
        else run(std::integral_constant<int, 1>());
      });
    };
    // Small panels stay in the cache beside a tile's windows; of large ones, one group at a time does.
    if (panels.floats() <= 65536) {
      for (int64_t p = 0; p < places; p += tileRows)
        for (int64_t g = g0; g < g1; g++) tile(p, g);
    } else {
      for (int64_t g = g0; g < g1; g++)
        for (int64_t p = 0; p < places; p += tileRows) tile(p, g);
    }
  });
}

}  // namespace winnow
