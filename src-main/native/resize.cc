// Shrinking with the arithmetic of libvips 8.18 (vips_resize, kernel Lanczos 3, gap 2): an integer box filter if the factor is 4 or more, then a
// windowed sinc with coefficients of 12 bits in 64 phases; first down the columns, then along the rows. Each step rounds to 8 bits.
#include <algorithm>
#include <cmath>
#include <cstring>
#include "picture.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace winnow {
namespace {

constexpr int phases = 64;
constexpr int shift = 12;
constexpr double gap = 2;

double sinc(double x) {
  if (x == 0) return 1;
  x *= M_PI;
  return std::sin(x) / x;
}
double lanczos3(double x) { return x >= -3 && x <= 3 ? sinc(x) * sinc(x / 3) : 0; }

/// How one axis is reduced from `in` to `out` pixels.
struct Axis {
  int in;
  int out;
  int box = 1;       // the integer factor
  int boxed = 0;     // pixels after the box filter
  double residual = 1;  // the factor that is left
  int taps = 0;
  int before = 0;    // pixels that the first tap lies before the start
  double offset = 0;
  std::vector<int16_t> masks;  // [phases + 1, taps + padding]
  int maskStride = 0;

  Axis(int length, double shrink) : in(length) {
    out = static_cast<int>(length / shrink + 0.5);
    if (out < 1) return;
    double extra = out * shrink - length;
    residual = shrink;
    box = std::max(1, static_cast<int>(std::floor(static_cast<double>(length) / out / gap)));
    boxed = (length + box - 1) / box;
    residual /= box;
    extra /= box;
    if (residual == 1) {
      out = boxed;
      return;
    }
    taps = 2 * static_cast<int>(std::rint(3 * residual)) + 1;
    before = (taps + 1) / 2 - 1;
    offset = (1 + extra) / 2 - 1;
    maskStride = taps + 4;
    masks.assign(static_cast<size_t>(phases + 1) * maskStride, 0);
    std::vector<double> mask(taps);
    for (int phase = 0; phase <= phases; phase++) {
      const double half = static_cast<float>(phase) / phases + taps / 2.0 - 1;
      double sum = 0;
      for (int i = 0; i < taps; i++) sum += mask[i] = lanczos3((i - half) * (1.0 / residual));
      for (int i = 0; i < taps; i++) masks[static_cast<size_t>(phase) * maskStride + i] = static_cast<int16_t>(mask[i] / sum * (1 << shift));
    }
  }
  double start() const { return 0.5 * residual - 0.5 - offset; }
  const int16_t* mask(double at) const {
    const int fine = static_cast<int>(at * phases * 2) & (phases * 2 - 1);
    return masks.data() + static_cast<size_t>((fine + 1) >> 1) * maskStride;
  }
};

/// The tables of the last axes: images of a set often have the same size.
const Axis& axisOf(int length, double shrink) {
  struct Entry {
    double shrink;
    Axis axis;
  };
  thread_local std::vector<Entry> known;
  thread_local size_t next = 0;
  for (const Entry& entry : known) if (entry.axis.in == length && entry.shrink == shrink) return entry.axis;
  constexpr size_t most = 8;
  if (known.size() < most) {
    known.reserve(most);
    known.push_back({shrink, Axis(length, shrink)});
    return known.back().axis;
  }
  // The other axis of this image may be the newest entry; the oldest is replaced.
  Entry& oldest = known[next++ % most];
  oldest = {shrink, Axis(length, shrink)};
  return oldest.axis;
}

[[maybe_unused]] uint8_t finish(int sum) {
  sum >>= shift;
  return static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/// One row from `taps` rows. `n` bytes, rounded up to whole vectors.
void mixRows(const uint8_t* const* rows, const int16_t* mask, int taps, int n, uint8_t* out) {
#if defined(__AVX2__)
  const __m256i zero = _mm256_setzero_si256();
  const __m256i half = _mm256_set1_epi32(1 << (shift - 1));
  for (int x = 0; x < n; x += 32) {
    __m256i a = half, b = half, c = half, d = half;
    for (int i = 0; i < taps; i += 2) {
      const __m256i top = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i] + x));
      const __m256i bottom = i + 1 < taps ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i + 1] + x)) : zero;
      int32_t pair;
      std::memcpy(&pair, mask + i, 4);  // the mask is padded with zeros
      const __m256i k = _mm256_set1_epi32(pair);
      const __m256i low = _mm256_unpacklo_epi8(top, bottom), high = _mm256_unpackhi_epi8(top, bottom);
      a = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_unpacklo_epi8(low, zero), k));
      b = _mm256_add_epi32(b, _mm256_madd_epi16(_mm256_unpackhi_epi8(low, zero), k));
      c = _mm256_add_epi32(c, _mm256_madd_epi16(_mm256_unpacklo_epi8(high, zero), k));
      d = _mm256_add_epi32(d, _mm256_madd_epi16(_mm256_unpackhi_epi8(high, zero), k));
    }
    const __m256i ab = _mm256_packs_epi32(_mm256_srai_epi32(a, shift), _mm256_srai_epi32(b, shift));
    const __m256i cd = _mm256_packs_epi32(_mm256_srai_epi32(c, shift), _mm256_srai_epi32(d, shift));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), _mm256_packus_epi16(ab, cd));
  }
#else
  for (int x = 0; x < n; x++) {
    int sum = 1 << (shift - 1);
    for (int i = 0; i < taps; i++) sum += mask[i] * rows[i][x];
    out[x] = finish(sum);
  }
#endif
}

/// Where each pixel of a row takes its taps from.
struct Place {
  int offset;
  const int16_t* mask;
};

std::vector<Place> placesOf(const Axis& axis, int bands) {
  std::vector<Place> places(axis.out);
  double at = axis.start();
  for (Place& place : places) {
    place = {static_cast<int>(at) * bands, axis.mask(at)};
    at += axis.residual;
  }
  return places;
}

/// Rows that are mixed along x at once.
#if defined(__AVX2__)
constexpr int blockRows = 16;

/// The byte x of 16 rows becomes row x of 16 bytes.
inline void transpose(const uint8_t* const rows[16], size_t from, uint8_t* out) {
  __m128i a[16], b[16];
  for (int i = 0; i < 16; i++) a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i] + from));
  for (int stage = 0; stage < 2; stage++) {
    for (int i = 0; i < 8; i++) b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]), b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
    for (int i = 0; i < 8; i++) a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 8]), a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 8]);
  }
  for (int i = 0; i < 16; i++) _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 16), a[i]);
}

/// Buffers of `mixAlong`.
struct Columns {
  std::vector<uint8_t> bytes;  // of the rows, then of the result: [x, band, row]
  std::vector<__m256i> pairs;  // 16 bits each, of a pixel and of the next: [x, band, 2 · 8 rows]
};

/// 16 rows along x. The inputs start at the first tap of the first pixel and have `length` bytes; they may be read, and the results written, to the next multiple of 16.
void mixAlong(const uint8_t* const in[blockRows], int length, const std::vector<Place>& places, int taps, int bands, uint8_t* const out[blockRows]) {
  thread_local Columns columns;
  const size_t count = (static_cast<size_t>(length) + 15) / 16 * 16, outCount = (places.size() * bands + 15) / 16 * 16;
  columns.bytes.resize((std::max(count, outCount) + bands) * 16);
  columns.pairs.resize(count * 2);
  uint8_t* bytes = columns.bytes.data();
  __m256i* pairs = columns.pairs.data();
  for (size_t at = 0; at < count; at += 16) transpose(in, at, bytes + at * 16);
  const auto column = [bytes](size_t at) { return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + at * 16))); };
  for (size_t at = 0; at < count; at++) {
    const __m256i here = column(at), next = column(at + bands);
    pairs[2 * at] = _mm256_unpacklo_epi16(here, next);
    pairs[2 * at + 1] = _mm256_unpackhi_epi16(here, next);
  }
  for (size_t x = 0; x < places.size(); x++) {
    for (int band = 0; band < bands; band++) {
      const __m256i* pair = pairs + 2 * (places[x].offset + band);
      __m256i low = _mm256_set1_epi32(1 << (shift - 1)), high = low;
      for (int i = 0; i < taps; i += 2, pair += 4 * bands) {
        int32_t two;
        std::memcpy(&two, places[x].mask + i, 4);  // the mask is padded with zeros
        const __m256i factors = _mm256_set1_epi32(two);
        low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_loadu_si256(pair), factors));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_loadu_si256(pair + 1), factors));
      }
      const __m256i sums = _mm256_packs_epi32(_mm256_srai_epi32(low, shift), _mm256_srai_epi32(high, shift));
      const __m256i result = _mm256_permute4x64_epi64(_mm256_packus_epi16(sums, sums), 0x08);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + (x * bands + band) * 16), _mm256_castsi256_si128(result));
    }
  }
  for (size_t at = 0; at < outCount; at += 16) {
    const uint8_t* rows[16];
    for (int i = 0; i < 16; i++) rows[i] = bytes + (at + i) * 16;
    alignas(16) uint8_t turned[16][16];
    transpose(rows, 0, turned[0]);
    for (int i = 0; i < 16; i++) std::memcpy(out[i] + at, turned[i], 16);
  }
}
#else
constexpr int blockRows = 1;

void mixAlong(const uint8_t* const in[blockRows], int, const std::vector<Place>& places, int taps, int bands, uint8_t* const out[blockRows]) {
  for (size_t x = 0; x < places.size(); x++)
    for (int band = 0; band < bands; band++) {
      int sum = 1 << (shift - 1);
      for (int i = 0; i < taps; i++) sum += places[x].mask[i] * in[0][places[x].offset + i * bands + band];
      out[0][x * bands + band] = finish(sum);
    }
}
#endif

uint8_t boxMean(uint32_t sum, int count, uint32_t multiplier) { return static_cast<uint8_t>(((sum + count / 2) * multiplier) >> 24); }
uint32_t boxMultiplier(int count) { return static_cast<uint32_t>((1LL << 32) / (256LL * count)); }

/// The mean of `box` rows each; the last row is repeated.
void boxRows(const Picture& in, const Axis& axis, Picture& out) {
  out.resize(in.width, axis.boxed, in.bands);
  const int n = in.width * in.bands;
  const uint32_t multiplier = boxMultiplier(axis.box);
  std::vector<uint32_t> sums(n);
  for (int y = 0; y < axis.boxed; y++) {
    std::fill(sums.begin(), sums.end(), 0);
    for (int i = 0; i < axis.box; i++) {
      const uint8_t* row = in.row(std::min(in.height - 1, y * axis.box + i));
      for (int x = 0; x < n; x++) sums[x] += row[x];
    }
    uint8_t* to = out.row(y);
    for (int x = 0; x < n; x++) to[x] = boxMean(sums[x], axis.box, multiplier);
  }
}

/// The mean of `box` pixels of a row each; the last pixel is repeated.
void boxAlong(const uint8_t* in, const Axis& axis, int bands, uint8_t* out) {
  const uint32_t multiplier = boxMultiplier(axis.box);
  for (int x = 0; x < axis.boxed; x++)
    for (int band = 0; band < bands; band++) {
      uint32_t sum = 0;
      for (int i = 0; i < axis.box; i++) sum += in[std::min(axis.in - 1, x * axis.box + i) * bands + band];
      out[x * bands + band] = boxMean(sum, axis.box, multiplier);
    }
}

}  // namespace

bool reduce(const Picture& in, double shrinkX, double shrinkY, Picture& between, Picture& out) {
  if (shrinkX < 1 || shrinkY < 1) return false;
  const Axis vertical = axisOf(in.height, shrinkY);
  const Axis& horizontal = axisOf(in.width, shrinkX);
  if (vertical.out < 1 || horizontal.out < 1) return false;
  const int bands = in.bands;

  const Picture* source = &in;
  if (vertical.box > 1) {
    boxRows(in, vertical, between);
    source = &between;
  }
  out.resize(horizontal.out, vertical.out, bands);
  // One row after the columns; then rows after the box filter, with the edge pixels repeated on both sides.
  const int n = in.width * bands;
  std::vector<uint8_t> column(n + 64);
  const int padded = horizontal.boxed + horizontal.taps + static_cast<int>(horizontal.residual) + 16;
  const size_t lineBytes = (static_cast<size_t>(padded) * bands + 127) / 64 * 64;
  std::vector<uint8_t> lines(lineBytes * blockRows);
  std::vector<uint8_t> unused(out.bytesOf(1));  // where the rows after the last go
  const uint8_t* from[blockRows];
  uint8_t* to[blockRows];
  const std::vector<Place> places = horizontal.taps ? placesOf(horizontal, bands) : std::vector<Place>();
  std::vector<const uint8_t*> rows(vertical.taps + 1);
  double at = vertical.start();
  for (int y = 0; y < vertical.out; y++, at += vertical.residual) {
    const uint8_t* row = source->row(std::min(y, source->height - 1));
    if (vertical.taps) {
      const int first = static_cast<int>(at) - vertical.before;
      for (int i = 0; i < vertical.taps; i++) rows[i] = source->row(std::clamp(first + i, 0, source->height - 1));
      mixRows(rows.data(), vertical.mask(at), vertical.taps, n, column.data());
      row = column.data();
    }
    if (!horizontal.taps && horizontal.box == 1) {
      std::memcpy(out.row(y), row, n);
      continue;
    }
    if (!horizontal.taps) {
      boxAlong(row, horizontal, bands, out.row(y));
      continue;
    }
    const int place = y % blockRows;
    uint8_t* line = lines.data() + lineBytes * place;
    uint8_t* body = line + horizontal.before * bands;
    if (horizontal.box > 1) boxAlong(row, horizontal, bands, body);
    else std::memcpy(body, row, n);
    for (int i = 0; i < horizontal.before; i++) std::memcpy(line + i * bands, body, bands);
    const uint8_t* last = body + (horizontal.boxed - 1) * bands;
    for (int i = horizontal.before + horizontal.boxed; i < padded; i++) std::memcpy(line + i * bands, last, bands);
    from[place] = line;
    to[place] = out.row(y);
    if (place + 1 < blockRows && y + 1 < vertical.out) continue;  // more rows come along
    for (int i = place + 1; i < blockRows; i++) from[i] = line, to[i] = unused.data();
    mixAlong(from, padded * bands, places, horizontal.taps, bands, to);
  }
  return true;
}

}  // namespace winnow
