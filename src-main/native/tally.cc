// The loops of image/measure.ts and duplicate/fingerprint.ts over a thumbnail. Results are bit-identical to those: integers, or doubles and floats rounded at the
// same places (compiled without fused multiply-add).
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include "picture.h"

namespace winnow {
namespace {

constexpr int clippedFrom = 252;

struct Blur {
  int64_t all = 0, kept = 0, allWeighted = 0, keptWeighted = 0;
};

/// The sums of `blurAlong`. `step`: bytes from a pixel to the one before it along the axis.
template <int stepX> void blurRow(const uint8_t* __restrict v, int from, int to, int step, Blur& sums) {
  int32_t all = 0, kept = 0, allWeighted = 0, keptWeighted = 0;
  for (int i = from; i < to; i += stepX) {
    const int change = std::abs(v[i] - v[i - step]);
    all += change;
    kept += std::min(5 * change, std::abs(v[i + 2 * step] - v[i - 3 * step]));
    allWeighted += change * change;
    keptWeighted += change * std::min(9 * change, std::abs(v[i + 4 * step] - v[i - 5 * step]));
  }
  sums.all += all;
  sums.kept += kept;
  sums.allWeighted += allWeighted;
  sums.keptWeighted += keptWeighted;
}

}  // namespace

void tally(const Picture& rgb, double* out) {
  const int width = rgb.width, height = rgb.height;
  const int n = width * height;
  thread_local std::vector<uint8_t> luminance, clipped;
  luminance.resize(n + 64);
  clipped.resize(n + 64);
  // Two histograms each, since neighbours often count the same value and would wait for each other.
  uint32_t counts[2][4][256] = {};
  double sum = 0, clippedCount = 0;
  for (int y = 0; y < height; y++) {
    const uint8_t* row = rgb.row(y);
    uint8_t* values = luminance.data() + static_cast<size_t>(y) * width;
    uint8_t* burnt = clipped.data() + static_cast<size_t>(y) * width;
    uint32_t rowSum = 0, rowClipped = 0;
    for (int x = 0; x < width; x++) {
      const int r = row[3 * x], g = row[3 * x + 1], b = row[3 * x + 2];
      const int value = (13933 * r + 46871 * g + 4732 * b + 32768) >> 16;
      const int most = std::max({r, g, b}), least = std::min({r, g, b});
      values[x] = static_cast<uint8_t>(value);
      burnt[x] = most >= clippedFrom;
      auto& count = counts[x & 1];
      count[0][value]++;
      count[1][most]++;
      count[2][most - least]++;
      rowSum += value;
      rowClipped += most >= clippedFrom;
    }
    sum += rowSum;
    clippedCount += rowClipped;
  }
  const uint8_t* v = luminance.data();
  const uint8_t* c = clipped.data();
  int64_t laplacians = 0, squares = 0, changes = 0;
  for (int y = 1; y < height - 1; y++) {
    int32_t rowSum = 0, rowSquares = 0, rowChanges = 0;
    const int from = y * width + 1, to = (y + 1) * width - 1;
    for (int i = from; i < to; i++) {
      const int laplacian = v[i - 1] + v[i - width] + v[i + 1] + v[i + width] - 4 * v[i];
      rowSum += laplacian;
      rowSquares += laplacian * laplacian;
      rowChanges += (c[i] ^ c[i - 1]) + (c[i] ^ c[i - width]);
    }
    for (int i = from; i < to; i++) counts[i & 1][3][static_cast<uint8_t>(v[i] - v[i - 1])]++;
    laplacians += rowSum;
    squares += rowSquares;
    changes += rowChanges;
  }
  Blur along, down;
  constexpr int margin = 5;
  for (int y = margin; y < height - margin; y += 2) blurRow<1>(v, y * width + margin, (y + 1) * width - margin, 1, along);
  for (int y = margin; y < height - margin; y++) blurRow<2>(v, y * width + margin, (y + 1) * width - margin, width, down);

  for (int kind = 0; kind < 4; kind++)
    for (int i = 0; i < 256; i++) out[256 * kind + i] = counts[0][kind][i] + counts[1][kind][i];
  const double sums[] = {sum, clippedCount, double(laplacians), double(squares), double(changes),
                         double(along.all), double(along.kept), double(along.allWeighted), double(along.keptWeighted),
                         double(down.all), double(down.kept), double(down.allWeighted), double(down.keptWeighted)};
  static_assert(sizeof sums / sizeof sums[0] == tallyLength - 4 * 256);
  std::memcpy(out + 4 * 256, sums, sizeof sums);
}

namespace {

constexpr int side = 32;
constexpr int colours = 8;

typedef double Four __attribute__((vector_size(32)));

/// Sums of red, green and blue per cell of one row.
void sumRow(float* out, const uint8_t* row, int width, double step) {
  for (int i = 0; i < side; i++) {
    const double left = i * step;
    const double right = std::min<double>(left + step, width);
    Four sum = {0, 0, 0, 0};
    for (int x = static_cast<int>(left); x < right; x++) {
      double weight = 1;
      if (x < left) weight -= left - x;
      if (x + 1 > right) weight -= x + 1 - right;
      const uint8_t* p = row + 3 * x;
      const Four pixel = {double(p[0]), double(p[1]), double(p[2]), 0};
      sum += pixel * weight;
    }
    for (int band = 0; band < 3; band++) out[3 * i + band] = static_cast<float>(sum[band]);
  }
}

void coarser(const float* in, float* out) {
  constexpr int step = side / colours;
  std::fill(out, out + colours * colours, 0.0f);
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      float& to = out[y / step * colours + x / step];
      to = static_cast<float>(double(to) + double(in[y * side + x]) / (step * step));
    }
}

/// Math.round of JavaScript.
int rounded(double value) { return static_cast<int>(std::floor(value + 0.5)); }

}  // namespace

void fingerprint(const Picture& rgb, uint8_t* out) {
  const int width = rgb.width, height = rgb.height;
  const double stepX = double(width) / side, stepY = double(height) / side;
  float luma[side * side], blue[side * side], red[side * side], rows[side * 3], sums[side * 3];
  int filled = -1;
  for (int j = 0; j < side; j++) {
    const double top = j * stepY, bottom = std::min<double>(height, (j + 1) * stepY);
    std::fill(sums, sums + side * 3, 0.0f);
    for (int y = static_cast<int>(top); y < bottom; y++) {
      const double weight = std::min<double>(bottom, y + 1) - std::max<double>(top, y);
      if (filled != y) sumRow(rows, rgb.row(y), width, stepX);
      filled = y;
      for (int i = 0; i < side * 3; i++) sums[i] = static_cast<float>(double(sums[i]) + double(rows[i]) * weight);
    }
    for (int i = 0; i < side; i++) {
      const int at = j * side + i;
      const double area = stepX * stepY;
      const double r = sums[3 * i] / area, g = sums[3 * i + 1] / area, b = sums[3 * i + 2] / area;
      luma[at] = static_cast<float>(0.299 * r + 0.587 * g + 0.114 * b);
      blue[at] = static_cast<float>((b - double(luma[at])) / 1.772);
      red[at] = static_cast<float>((r - double(luma[at])) / 1.402);
    }
  }
  double least = INFINITY, most = -INFINITY;
  for (float value : luma) {
    least = std::min<double>(least, value);
    most = std::max<double>(most, value);
  }
  const int base = rounded(least * 256), range = rounded((most - least) * 256);
  out[0] = 1;  // fingerprintVersion
  out[1] = 0;
  out[2] = static_cast<uint8_t>(base >> 8);
  out[3] = static_cast<uint8_t>(base);
  out[4] = static_cast<uint8_t>(range >> 8);
  out[5] = static_cast<uint8_t>(range);
  const double scale = most > least ? 255 / (most - least) : 0;
  for (int i = 0; i < side * side; i++) out[6 + i] = static_cast<uint8_t>(rounded((luma[i] - least) * scale));
  float small[colours * colours];
  for (int plane = 0; plane < 2; plane++) {
    coarser(plane ? red : blue, small);
    for (int i = 0; i < colours * colours; i++)
      out[6 + side * side + plane * colours * colours + i] = static_cast<uint8_t>(std::clamp(rounded(small[i] + 128.0), 0, 255));
  }
}

}  // namespace winnow
