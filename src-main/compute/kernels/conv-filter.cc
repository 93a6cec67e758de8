// The gradient of a convolution to its filter: over all places, the window's values times the place's gradient.
#include "correlate.h"
#include "kernel.h"

namespace winnow {
namespace {

struct ConvFilter {
  int64_t stride, top, left, kh, kw;
  explicit ConvFilter(Attributes& a) : stride(a.integer("stride")), top(a.integer("padTop")), left(a.integer("padLeft")), kh(a.integer("kh")), kw(a.integer("kw")) {}

  // x [n, h, w, c], dy [n, ho, wo, f] → dw [kh, kw, c, f]
  void operator()(Call& call) const {
    const Dims x = call.dims(0), d = call.dims(1);
    if (x.size() != 4 || d.size() != 4 || x[0] != d[0]) return call.fail("WinnowConvFilter: x and dy do not fit.");
    const int64_t n = x[0], c = x[3], f = d[3], grid = d[1] * d[2];
    float* dw = call.output(0, {kh, kw, c, f});
    if (!dw) return;
    const Windows windows{call.input(0), n, x[1], x[2], c, kh, kw, stride, top, left, d[1], d[2]};

    // Whole vectors of outputs only.
    const float* dy = call.input(1);
    const int64_t wide = (f + lanes - 1) / lanes * lanes;
    if (wide != f) {
      float* filled = call.scratch(n * grid * wide);
      if (!filled) return;
      parallelSpans(n * grid, 1024, [&](int64_t from, int64_t to) {
        for (int64_t p = from; p < to; p++) {
          std::memcpy(filled + p * wide, dy + p * f, f * sizeof(float));
          std::fill(filled + p * wide + f, filled + (p + 1) * wide, 0.0f);
        }
      });
      dy = filled;
    }

    // Rows of tiles, one after the other through the kernel's rows; each belongs to one piece of work. Where the filter is small, pieces of
    // the images beside, whose sums are added in their order.
    const int64_t length = windows.length(), rowTiles = (length + tileRows - 1) / tileRows, tiles = kh * rowTiles, size = kh * length * wide;
    const int64_t parts = std::clamp<int64_t>(std::min<int64_t>(n, 262144 / std::max<int64_t>(1, size)), 1, 8);
    const int64_t shares = parts >= 4 ? 1 : std::min<int64_t>(tiles, 8 / parts);
    float* sums = call.scratch(parts * size);
    if (!sums) return;
    const int64_t vectors = wide / lanes;
    const int64_t bandRows = std::clamp<int64_t>(98304 / ((d[2] * stride + kw) * c * stride + d[2] * wide), 1, d[1]);

    parallel(parts * shares, [&](int64_t chunk) {
      const int64_t part = chunk / shares, share = chunk % shares;
      const int64_t t0 = tiles * share / shares, t1 = tiles * (share + 1) / shares;
      float* out = sums + part * size;
      bool first = true;
      for (int64_t i = n * part / parts; i < n * (part + 1) / parts; i++) {
        for (int64_t y0 = 0; y0 < d[1]; y0 += bandRows) {
          const int64_t y1 = std::min(d[1], y0 + bandRows);
          const Band band = Band::of(windows, i, i + 1, y0, y1);
          for (int64_t t = t0; t < t1; t++) {
            const int64_t row = t / rowTiles, l = t % rowTiles * tileRows;
            withRows(std::min<int64_t>(tileRows, length - l), [&](auto rows) {
              constexpr int M = decltype(rows)::value;
              auto run = [&](auto count, int64_t vector) {
                constexpr int N = decltype(count)::value;
                Tile<M, N> tile;
                for (int64_t y = y0; y < y1; y++)
                  tile.addProducts(band.at + ((y - y0) * stride + row) * band.rowStep + l, stride * c, dy + ((i * d[1] + y) * d[2]) * wide + vector * lanes, wide, d[2]);
                for (int m = 0; m < M; m++)
                  for (int k = 0; k < N; k++) {
                    float* at = out + (row * length + l + m) * wide + (vector + k) * lanes;
                    store(at, first ? tile.sums[m][k] : load(at) + tile.sums[m][k]);
                  }
              };
              int64_t vector = 0;
              for (; vector + tileVecs <= vectors; vector += tileVecs) run(std::integral_constant<int, tileVecs>(), vector);
              if (vector < vectors) run(std::integral_constant<int, 1>(), vector);
            });
          }
          first = false;
        }
      }
    });

    parallelSpans(kh * length, std::max<int64_t>(1, 4096 / wide), [&](int64_t from, int64_t to) {
      for (int64_t k = from; k < to; k++)
        for (int64_t j = 0; j < f; j++) {
          float sum = sums[k * wide + j];
          for (int64_t part = 1; part < parts; part++) sum += sums[part * size + k * wide + j];
          dw[k * f + j] = sum;
        }
    });
  }
};

const Op<ConvFilter> convFilter("WinnowConvFilter", {"x: float", "dy: float"}, {"dw: float"}, {"stride: int", "padTop: int", "padLeft: int", "kh: int", "kw: int"});

}  // namespace
}  // namespace winnow
