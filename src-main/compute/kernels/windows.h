// The common part of all convolution algorithms: the windows over an image, and the packed matrix by which they are multiplied.
#pragma once
#include <algorithm>
#include <memory>
#include <new>
#include "pool.h"
#include "tile.h"

namespace winnow {

// An array of floats that is aligned to cache lines.
class Floats {
 public:
  Floats() = default;
  explicit Floats(int64_t size) { grow(size); }
  Floats(int64_t size, float value) : Floats(size) { std::fill(data(), data() + size, value); }
  // Makes room for `size` floats; the old content is lost.
  void grow(int64_t size) {
    if (size <= size_) return;
    data_.reset(static_cast<float*>(::operator new(size * sizeof(float), line)));
    size_ = size;
  }
  float* data() const { return data_.get(); }

 private:
  static constexpr std::align_val_t line{64};
  struct Free {
    void operator()(float* p) const { ::operator delete(p, line); }
  };
  int64_t size_ = 0;
  std::unique_ptr<float, Free> data_;
};

// Windows of rows × cols over [n, h, w, c], `stride` apart, the first at (-top, -left); gridH × gridW of them.
struct Windows {
  const float* x;
  int64_t n, h, w, c;
  int64_t rows, cols, stride, top, left, gridH, gridW;
  int64_t length() const { return cols * c; }
  int64_t products() const { return rows * cols * c; }

  // The rows (or columns) of taps of a window that are inside the image.
  struct Span {
    int64_t from, to;
    int64_t size() const { return std::max<int64_t>(0, to - from); }
  };
  Span rowsAt(int64_t gy) const { return {std::max<int64_t>(0, top - gy * stride), std::min(rows, h + top - gy * stride)}; }
  Span colsAt(int64_t gx) const { return {std::max<int64_t>(0, left - gx * stride), std::min(cols, w + left - gx * stride)}; }
  // The windows whose given row (or column) of taps is inside the image.
  Span placesOfRow(int64_t row) const { return places(row - top, h, gridH); }
  Span placesOfCol(int64_t col) const { return places(col - left, w, gridW); }
  Span places(int64_t first, int64_t size, int64_t grid) const {
    const int64_t before = std::max<int64_t>(0, -first), within = std::max<int64_t>(0, size - first);
    return {(before + stride - 1) / stride, std::min(grid, (within + stride - 1) / stride)};
  }
  // The fraction of all products that are not with padding.
  double useful() const {
    int64_t down = 0, across = 0;
    for (int64_t y = 0; y < gridH; y++) down += rowsAt(y).size();
    for (int64_t x = 0; x < gridW; x++) across += colsAt(x).size();
    return static_cast<double>(down * across) / static_cast<double>(std::max<int64_t>(1, gridH * rows * gridW * cols));
  }
};

// A matrix [products, columns]: at(p) points to the first column of product p; the next columns follow at a distance of `step` floats.
template <class At> struct Matrix {
  int64_t products, columns, step;
  At at;
};
template <class At> Matrix(int64_t, int64_t, int64_t, At) -> Matrix<At>;

// A matrix packed for the tiles: groups of two vectors of columns, each [products][vectors · lanes]; the last group may have one vector. Columns are padded
// with zeros.
class Panels {
 public:
  template <class At> explicit Panels(const Matrix<At>& matrix) : products_(matrix.products), vectors_((matrix.columns + lanes - 1) / lanes), data_(products_ * vectors_ * lanes) {
    const auto& [products, columns, step, at] = matrix;
    parallel(groups(), [&](int64_t g) {
      float* out = data_.data() + g * tileVecs * lanes * products;
      const int64_t width = vectorsOf(g) * lanes, first = g * tileVecs * lanes, count = std::min(width, columns - first);
      // Several products at once: if columns are not contiguous, products are.
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
  const float* group(int64_t g) const { return data_.data() + g * tileVecs * lanes * products_; }
  int64_t floats() const { return products_ * vectors_ * lanes; }

 private:
  int64_t products_, vectors_;
  Floats data_;
};

}  // namespace winnow
