// Nearest rows by Euclidean distance, and the selection of rows that cover all others (greedy k-centre).
#include <limits>
#include <vector>
#include "kernel.h"
#include "pool.h"
#include "simd.h"
#include "tile.h"

namespace winnow {
namespace {

constexpr int panelWidth = tileVecs * lanes;
constexpr float never = 1e30f;

// x [n, d], y [k, d], skip [2]: rows skip[0] … skip[1] − 1 of y do not count → the squared distance to the nearest row of y [n], and the row [n].
// The nearest row has the largest x·y − |y|²/2. Its distance is then computed again without cancellation.
struct NearestRows {
  explicit NearestRows(Attributes&) {}
  void operator()(Call& call) const {
    const Dims shape = call.dims(0), others = call.dims(1);
    if (shape.size() != 2 || others.size() != 2 || shape[1] != others[1] || call.size(2) != 2)
      return call.fail("WinnowNearestRows: x is [n, d], y is [k, d], skip is [2].");
    const float *x = call.input(0), *y = call.input(1);
    const int32_t* skip = call.input<int32_t>(2);
    const int64_t n = shape[0], d = shape[1], k = others[0], panels = (k + panelWidth - 1) / panelWidth;
    float* packed = call.scratch(panels * panelWidth * d);
    float* half = call.scratch(panels * panelWidth);
    float* distances = call.output(0, {n});
    int32_t* rows = call.output<int32_t>(1, {n}, TF_INT32);
    if (!packed || !half || !distances || !rows) return;
    parallel(panels, [&](int64_t p) {
      float* panel = packed + p * panelWidth * d;
      for (int64_t j = 0; j < panelWidth; j++) {
        const int64_t row = p * panelWidth + j;
        float sum = 0;
        for (int64_t l = 0; l < d; l++) {
          const float value = row < k ? y[row * d + l] : 0.0f;
          panel[l * panelWidth + j] = value;
          sum += value * value;
        }
        half[row] = row >= k || (row >= skip[0] && row < skip[1]) ? never : sum / 2;
      }
    });
    constexpr int64_t block = 8 * tileRows;
    parallel((n + block - 1) / block, [&](int64_t b) {
      const int64_t first = b * block, count = std::min(block, n - first);
      Vec best[block][tileVecs];
      IntVec where[block][tileVecs];
      for (int64_t m = 0; m < block; m++)
        for (int v = 0; v < tileVecs; v++) best[m][v] = splat(-std::numeric_limits<float>::infinity()), where[m][v] = IntVec{};
      for (int64_t p = 0; p < panels; p++) {
        const float* panel = packed + p * panelWidth * d;
        Vec lengths[tileVecs];
        for (int v = 0; v < tileVecs; v++) lengths[v] = load(half + p * panelWidth + v * lanes);
        for (int64_t from = 0; from < count; from += tileRows)
          withRows(std::min<int64_t>(tileRows, count - from), [&](auto rowsOf) {
            constexpr int M = decltype(rowsOf)::value > tileRows ? tileRows : decltype(rowsOf)::value;
            const float* a[M];
            for (int m = 0; m < M; m++) a[m] = x + (first + from + m) * d;
            Tile<M, tileVecs> tile;
            tile.addRows(a, 1, 0, d, panel);
            for (int m = 0; m < M; m++)
              for (int v = 0; v < tileVecs; v++) {
                const Vec score = tile.sums[m][v] - lengths[v];
                const IntVec isBetter = score > best[from + m][v];
                best[from + m][v] = isBetter ? score : best[from + m][v];
                where[from + m][v] = isBetter ? IntVec{} + static_cast<int32_t>(p) : where[from + m][v];
              }
          });
      }
      for (int64_t m = 0; m < count; m++) {
        float most = -std::numeric_limits<float>::infinity();
        int64_t row = 0;
        for (int v = 0; v < tileVecs; v++)
          for (int lane = 0; lane < lanes; lane++) {
            const int64_t here = where[m][v][lane] * static_cast<int64_t>(panelWidth) + v * lanes + lane;
            const float score = best[m][v][lane];
            if (score > most || (score == most && here < row)) most = score, row = here;
          }
        const float *left = x + (first + m) * d, *right = y + row * d;
        Vec sum{};
        eachVec(d, [&](int64_t l, int64_t size, auto whole) {
          const Vec difference = take(left + l, size, whole) - take(right + l, size, whole);
          sum += difference * difference;
        });
        float squared = 0;
        for (int lane = 0; lane < lanes; lane++) squared += sum[lane];
        distances[first + m] = most > -never / 2 ? squared : std::numeric_limits<float>::infinity();
        rows[first + m] = static_cast<int32_t>(row);
      }
    });
  }
};

// points [n, d], nearest [n] (the squared distance of each point to the points that were chosen before), first [1] (the next point to choose) → the
// `count` next points [count], the distances after them [n], and the point to choose after them [1]. Each is the one farthest from those before it.
struct FarthestRows {
  explicit FarthestRows(Attributes& attributes) : count_(attributes.integer("count")) {}
  void operator()(Call& call) const {
    const Dims shape = call.dims(0);
    if (shape.size() != 2 || call.size(1) != shape[0] || call.size(2) != 1)
      return call.fail("WinnowFarthestRows: points is [n, d], nearest is [n], first is [1].");
    const float *points = call.input(0), *before = call.input(1);
    const int64_t n = shape[0], d = shape[1], blocks = (n + lanes - 1) / lanes;
    float* packed = call.scratch(blocks * lanes * d);
    int32_t* chosen = call.output<int32_t>(0, {count_}, TF_INT32);
    float* nearest = call.output(1, {n});
    int32_t* next = call.output<int32_t>(2, {1}, TF_INT32);
    if (!packed || !chosen || !nearest || !next) return;
    parallelSpans(blocks, 64, [&](int64_t from, int64_t to) {
      for (int64_t b = from; b < to; b++)
        for (int64_t l = 0; l < d; l++)
          for (int lane = 0; lane < lanes; lane++) {
            const int64_t row = b * lanes + lane;
            packed[(b * d + l) * lanes + lane] = row < n ? points[row * d + l] : 0.0f;
          }
    });
    std::copy(before, before + n, nearest);
    constexpr int64_t span = 128;
    const int64_t spans = (blocks + span - 1) / span;
    std::vector<float> most(spans);
    std::vector<int64_t> at(spans);
    int64_t current = *call.input<int32_t>(2);
    for (int64_t c = 0; c < count_; c++) {
      chosen[c] = static_cast<int32_t>(current);
      const float* centre = points + current * d;
      parallel(spans, [&](int64_t s) {
        float largest = -1;
        int64_t row = 0;
        for (int64_t b = s * span; b < std::min(blocks, (s + 1) * span); b++) {
          Vec sum{};
          for (int64_t l = 0; l < d; l++) {
            const Vec difference = load(packed + (b * d + l) * lanes) - splat(centre[l]);
            sum += difference * difference;
          }
          const int64_t size = std::min<int64_t>(lanes, n - b * lanes);
          const Vec now = least(loadSome(nearest + b * lanes, size), sum);
          storeSome(nearest + b * lanes, now, size);
          for (int lane = 0; lane < size; lane++)
            if (now[lane] > largest) largest = now[lane], row = b * lanes + lane;
        }
        most[s] = largest;
        at[s] = row;
      });
      int64_t best = 0;
      for (int64_t s = 1; s < spans; s++)
        if (most[s] > most[best]) best = s;
      current = at[best];
    }
    *next = static_cast<int32_t>(current);
  }

 private:
  int64_t count_;
};

const Op<NearestRows> nearestRows("WinnowNearestRows", {"x: float", "y: float", "skip: int32"}, {"distances: float", "rows: int32"});
const Op<FarthestRows> farthestRows("WinnowFarthestRows", {"points: float", "nearest: float", "first: int32"},
                                    {"chosen: int32", "after: float", "next: int32"}, {"count: int"});

}  // namespace
}  // namespace winnow
