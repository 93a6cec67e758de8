// The gradient of a convolution with respect to its filter: the sum over all places of the window's values times the gradient at the place.
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

    // Pads the outputs to complete vectors.
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

    // The rows of the filter are divided into tiles, and the tiles into chunks of work. For a small filter, the images are divided too; the sums of these parts
    // are then added in a fixed order. For small images (`perTap`), a tile has the rows of a single tap and runs over several images; places where this tap
    // meets the padding are skipped.
    const bool perTap = c >= tileRows && (windows.useful() < 0.93 || grid <= 64);
    const int64_t length = windows.length(), tapRows = perTap ? c : length, tapTiles = (tapRows + tileRows - 1) / tileRows;
    const int64_t tiles = kh * (length / tapRows) * tapTiles, size = kh * length * wide;
    const int64_t parts = std::clamp<int64_t>(std::min<int64_t>(n, 262144 / std::max<int64_t>(1, size)), 1, 8);
    const int64_t shares = parts >= 4 ? 1 : std::min<int64_t>(tiles, 8 / parts);
    float* sums = call.scratch(parts * size);
    if (!sums) return;
    const int64_t vectors = wide / lanes;
    const int64_t bandRows = perTap ? d[1] : std::clamp<int64_t>(98304 / ((d[2] * stride + kw) * c * stride + d[2] * wide), 1, d[1]);
    const int64_t together = perTap ? std::clamp<int64_t>(131072 / (x[1] * x[2] * c + grid * wide), 1, n) : 1;

    parallel(parts * shares, [&](int64_t chunk) {
      const int64_t part = chunk / shares, share = chunk % shares;
      const int64_t t0 = tiles * share / shares, t1 = tiles * (share + 1) / shares;
      float* out = sums + part * size;
      bool first = true;
      for (int64_t i0 = n * part / parts, end = n * (part + 1) / parts; i0 < end; i0 += together) {
        const int64_t i1 = std::min(end, i0 + together);
        for (int64_t y0 = 0; y0 < d[1]; y0 += bandRows) {
          const int64_t y1 = std::min(d[1], y0 + bandRows);
          const Band band = perTap ? Band{} : Band::of(windows, i0, i1, y0, y1);
          for (int64_t t = t0; t < t1; t++) {
            const int64_t tap = t / tapTiles, row = tap * tapRows / length, l = tap * tapRows % length + t % tapTiles * tileRows;
            withRows(std::min<int64_t>(tileRows, tapRows - t % tapTiles * tileRows), [&](auto rows) {
              constexpr int M = decltype(rows)::value;
              auto run = [&](auto count, int64_t vector) {
                constexpr int N = decltype(count)::value;
                Tile<M, N> tile;
                const float* gradients = dy + vector * lanes;
                if (perTap) {
                  const auto [down0, down1] = windows.placesOfRow(row);
                  const auto [across0, across1] = windows.placesOfCol(l / c);
                  const float* values = windows.x + ((row - top) * x[2] + across0 * stride - left) * c + l;
                  if (across0 < across1)
                    for (int64_t i = i0; i < i1; i++)
                      for (int64_t y = down0; y < down1; y++)
                        tile.addProducts(values + (i * x[1] + y * stride) * x[2] * c, stride * c, gradients + ((i * d[1] + y) * d[2] + across0) * wide, wide, across1 - across0);
                } else {
                  for (int64_t y = y0; y < y1; y++)
                    tile.addProducts(band.at + ((y - y0) * stride + row) * band.rowStep + l, stride * c, gradients + (i0 * d[1] + y) * d[2] * wide, wide, d[2]);
                }
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
