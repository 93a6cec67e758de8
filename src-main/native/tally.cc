// The loops of image/measure.ts and duplicate/fingerprint.ts over a thumbnail. Results are bit-identical to those: integers, or doubles and floats rounded at the
// same places (compiled without fused multiply-add).
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include "picture.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace winnow {
namespace {

constexpr int clippedFrom = 252;

#if defined(__AVX2__)
int32_t sumOf(__m256i v) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

struct Sixteen {
  __m128i r, g, b;
};

/// Separates the channels of 16 pixels.
Sixteen split(const uint8_t* rgb) {
  const auto load = [rgb](int at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rgb + at)); };
  const __m128i p = load(0), q = load(16), s = load(32);
  const auto join = [&](__m128i first, __m128i second, __m128i third) {
    return _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(p, first), _mm_shuffle_epi8(q, second)), _mm_shuffle_epi8(s, third));
  };
  return {
      join(_mm_setr_epi8(0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
           _mm_setr_epi8(-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1),
           _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13)),
      join(_mm_setr_epi8(1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
           _mm_setr_epi8(-1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1),
           _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14)),
      join(_mm_setr_epi8(2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
           _mm_setr_epi8(-1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1),
           _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15)),
  };
}

/// (13933 r + 46871 g + 4732 b + 32768) >> 16. The factor of green is too large for 16 bits with a sign, so it is in two parts.
__m128i luminanceOf(const Sixteen& pixels) {
  const __m256i red = _mm256_set1_epi32(13933 | 32767 << 16), blue = _mm256_set1_epi32(14104 | 4732 << 16), half = _mm256_set1_epi32(32768);
  const auto eight = [&](__m128i rg, __m128i gb) {
    const __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(_mm256_cvtepu8_epi16(rg), red), _mm256_madd_epi16(_mm256_cvtepu8_epi16(gb), blue));
    return _mm256_srli_epi32(_mm256_add_epi32(sum, half), 16);
  };
  const __m256i low = eight(_mm_unpacklo_epi8(pixels.r, pixels.g), _mm_unpacklo_epi8(pixels.g, pixels.b));
  const __m256i high = eight(_mm_unpackhi_epi8(pixels.r, pixels.g), _mm_unpackhi_epi8(pixels.g, pixels.b));
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

uint32_t sumOfBytes(__m128i v) {
  const __m128i sums = _mm_sad_epu8(v, _mm_setzero_si128());
  return static_cast<uint32_t>(_mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4));
}

void store(uint8_t* to, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v); }
#endif

struct Blur {
  int64_t all = 0, kept = 0, allWeighted = 0, keptWeighted = 0;
};

/// The sums of `sumBlur` along one line of `v`, from `from` to `to`. `step`: bytes from a pixel to the one before it along the axis.
void blurRow(const uint8_t* v, int from, int to, int step, Blur& sums) {
  int32_t all = 0, kept = 0, allWeighted = 0, keptWeighted = 0;
  int i = from;
#if defined(__AVX2__)
  const auto load = [v](int at) { return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(v + at))); };
  const auto difference = [](__m256i a, __m256i b) { return _mm256_abs_epi16(_mm256_sub_epi16(a, b)); };
  const __m256i one = _mm256_set1_epi16(1), five = _mm256_set1_epi16(5), nine = _mm256_set1_epi16(9);
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (; i + 16 <= to; i += 16) {
    const __m256i change = difference(load(i), load(i - step));
    const __m256i narrow = _mm256_min_epi16(_mm256_mullo_epi16(change, five), difference(load(i + 2 * step), load(i - 3 * step)));
    const __m256i wide = _mm256_min_epi16(_mm256_mullo_epi16(change, nine), difference(load(i + 4 * step), load(i - 5 * step)));
    a = _mm256_add_epi32(a, _mm256_madd_epi16(change, one));
    b = _mm256_add_epi32(b, _mm256_madd_epi16(narrow, one));
    c = _mm256_add_epi32(c, _mm256_madd_epi16(change, change));
    d = _mm256_add_epi32(d, _mm256_madd_epi16(change, wide));
  }
  all = sumOf(a);
  kept = sumOf(b);
  allWeighted = sumOf(c);
  keptWeighted = sumOf(d);
#endif
  for (; i < to; i++) {
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

/// Sum and sum of squares of the Laplacian along one row.
void laplacianRow(const uint8_t* v, int from, int to, int width, int64_t& sum, int64_t& squares) {
  int32_t rowSum = 0, rowSquares = 0;
  int i = from;
#if defined(__AVX2__)
  const auto load = [v](int at) { return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(v + at))); };
  const __m256i one = _mm256_set1_epi16(1);
  __m256i a = _mm256_setzero_si256(), b = a;
  for (; i + 16 <= to; i += 16) {
    const __m256i around = _mm256_add_epi16(_mm256_add_epi16(load(i - 1), load(i + 1)), _mm256_add_epi16(load(i - width), load(i + width)));
    const __m256i laplacian = _mm256_sub_epi16(around, _mm256_slli_epi16(load(i), 2));
    a = _mm256_add_epi32(a, _mm256_madd_epi16(laplacian, one));
    b = _mm256_add_epi32(b, _mm256_madd_epi16(laplacian, laplacian));
  }
  rowSum = sumOf(a);
  rowSquares = sumOf(b);
#endif
  for (; i < to; i++) {
    const int laplacian = v[i - 1] + v[i - width] + v[i + 1] + v[i + width] - 4 * v[i];
    rowSum += laplacian;
    rowSquares += laplacian * laplacian;
  }
  sum += rowSum;
  squares += rowSquares;
}

/// Counts the bytes. In four histograms, since neighbours are often equal and would wait for each other.
void count(const uint8_t* bytes, int n, double* out) {
  uint32_t counts[4][256] = {};
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, bytes + i, 8);
    for (int k = 0; k < 8; k++) counts[k & 3][eight >> (8 * k) & 255]++;
  }
  for (; i < n; i++) counts[0][bytes[i]]++;
  for (int value = 0; value < 256; value++) out[value] = counts[0][value] + counts[1][value] + counts[2][value] + counts[3][value];
}

}  // namespace

void tally(const Picture& rgb, double* out) {
  const int width = rgb.width, height = rgb.height;
  const int n = width * height;
  thread_local std::vector<uint8_t> luminance, clipped, peaks, spreads, columns;
  for (auto* plane : {&luminance, &clipped, &peaks, &spreads, &columns}) plane->resize(n + 64);
  int64_t sum = 0, clippedCount = 0;
  for (int y = 0; y < height; y++) {
    const uint8_t* __restrict row = rgb.row(y);
    const size_t start = static_cast<size_t>(y) * width;
    uint8_t* __restrict values = luminance.data() + start;
    uint8_t* __restrict burnt = clipped.data() + start;
    uint8_t* __restrict peak = peaks.data() + start;
    uint8_t* __restrict spread = spreads.data() + start;
    uint32_t rowSum = 0, rowClipped = 0;
    int x = 0;
#if defined(__AVX2__)
    for (; x + 16 <= width; x += 16) {
      const Sixteen pixels = split(row + 3 * x);
      const __m128i most = _mm_max_epu8(_mm_max_epu8(pixels.r, pixels.g), pixels.b);
      const __m128i least = _mm_min_epu8(_mm_min_epu8(pixels.r, pixels.g), pixels.b);
      const __m128i isClipped = _mm_and_si128(_mm_cmpeq_epi8(_mm_max_epu8(most, _mm_set1_epi8(static_cast<char>(clippedFrom))), most), _mm_set1_epi8(1));
      const __m128i value = luminanceOf(pixels);
      store(values + x, value);
      store(peak + x, most);
      store(spread + x, _mm_sub_epi8(most, least));
      store(burnt + x, isClipped);
      rowSum += sumOfBytes(value);
      rowClipped += sumOfBytes(isClipped);
    }
#endif
    for (; x < width; x++) {
      const int r = row[3 * x], g = row[3 * x + 1], b = row[3 * x + 2];
      const int value = (13933 * r + 46871 * g + 4732 * b + 32768) >> 16;
      const int most = std::max(std::max(r, g), b), least = std::min(std::min(r, g), b);
      values[x] = static_cast<uint8_t>(value);
      peak[x] = static_cast<uint8_t>(most);
      spread[x] = static_cast<uint8_t>(most - least);
      burnt[x] = most >= clippedFrom;
      rowSum += value;
      rowClipped += most >= clippedFrom;
    }
    sum += rowSum;
    clippedCount += rowClipped;
  }
  count(luminance.data(), n, out);
  count(peaks.data(), n, out + 256);
  count(spreads.data(), n, out + 512);
  const uint8_t* v = luminance.data();
  const uint8_t* c = clipped.data();
  int64_t laplacians = 0, squares = 0, changes = 0;
  uint8_t* __restrict steps = peaks.data();  // which is counted
  for (int y = 1; y < height - 1; y++) {
    const int from = y * width + 1, to = (y + 1) * width - 1;
    laplacianRow(v, from, to, width, laplacians, squares);
    if (clippedCount) {
      int32_t rowChanges = 0;
      for (int i = from; i < to; i++) rowChanges += (c[i] ^ c[i - 1]) + (c[i] ^ c[i - width]);
      changes += rowChanges;
    }
    for (int i = from; i < to; i++) steps[i - from] = static_cast<uint8_t>(v[i] - v[i - 1]);
    steps += std::max(0, to - from);
  }
  count(peaks.data(), static_cast<int>(steps - peaks.data()), out + 768);
  Blur along, down;
  constexpr int margin = 5;
  for (int y = margin; y < height - margin; y += 2) blurRow(v, y * width + margin, (y + 1) * width - margin, 1, along);
  // Every second column, side by side.
  const int half = std::max(0, width - 2 * margin + 1) / 2;
  uint8_t* every = columns.data();
  for (int y = 0; y < height; y++)
    for (int x = 0; x < half; x++) every[y * half + x] = v[y * width + margin + 2 * x];
  for (int y = margin; y < height - margin; y++) blurRow(every, y * half, (y + 1) * half, half, down);

  const double sums[] = {double(sum), double(clippedCount), double(laplacians), double(squares), double(changes),
                         double(along.all), double(along.kept), double(along.allWeighted), double(along.keptWeighted),
                         double(down.all), double(down.kept), double(down.allWeighted), double(down.keptWeighted)};
  static_assert(sizeof sums / sizeof sums[0] == tallyLength - 4 * 256);
  std::memcpy(out + 4 * 256, sums, sizeof sums);
}

namespace {

constexpr int side = 32;
constexpr int colours = 8;

typedef double Four __attribute__((vector_size(32)));

/// Sums of red, green and blue per cell of `cell` pixels.
template <typename Value>
void sumCells(float* out, const Value* row, int cell) {
  for (int i = 0; i < side; i++) {
    int r = 0, g = 0, b = 0;
    for (const Value *p = row + 3 * cell * i, *end = p + 3 * cell; p < end; p += 3) {
      r += p[0];
      g += p[1];
      b += p[2];
    }
    out[3 * i] = static_cast<float>(r);
    out[3 * i + 1] = static_cast<float>(g);
    out[3 * i + 2] = static_cast<float>(b);
  }
}

/// Sums of red, green and blue per cell of one row.
void sumRow(float* out, const uint8_t* row, int width, double step) {
  if (width % side == 0) {  // whole pixels: integers are exact
    sumCells(out, row, width / side);
    return;
  }
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
  // Whole pixels both ways: the rows of a cell are added first. A thumbnail has at most 8 of them.
  const bool isWhole = width % side == 0 && height % side == 0 && height <= 256 * side;
  std::vector<uint16_t> column(isWhole ? static_cast<size_t>(width) * 3 : 0);
  for (int j = 0; j < side; j++) {
    const double top = j * stepY, bottom = std::min<double>(height, (j + 1) * stepY);
    std::fill(sums, sums + side * 3, 0.0f);
    if (isWhole) {
      std::fill(column.begin(), column.end(), 0);
      for (int y = static_cast<int>(top); y < bottom; y++) {
        const uint8_t* __restrict row = rgb.row(y);
        uint16_t* __restrict sum = column.data();
        for (int x = 0; x < 3 * width; x++) sum[x] = static_cast<uint16_t>(sum[x] + row[x]);
      }
      sumCells(sums, column.data(), width / side);
    }
    for (int y = static_cast<int>(top); y < bottom && !isWhole; y++) {
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
