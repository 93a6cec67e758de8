// Sums over the columns of a matrix, for batch statistics and gradients of biases. Within a block of rows that fits into the inner caches they are in float32,
// across blocks in double. Rows are divided into fixed pieces that are added in order, so results are bit-identical whatever the scheduling.
#pragma once
#include <vector>
#include "pool.h"
#include "simd.h"

namespace winnow {

// Computes `kinds` sums for each of `columns`. add(from, to, sums) adds the rows from..to to sums[kind * columns + column].
template <class Add> std::vector<double> columnSums(int64_t rows, int64_t columns, int64_t kinds, Add add) {
  const int64_t pieces = std::clamp<int64_t>(rows * columns / 16384, 1, 64), block = std::clamp<int64_t>(8192 / std::max<int64_t>(1, columns), 64, 512), size = kinds * columns;
  std::vector<double> parts(pieces * size, 0.0);
  parallel(pieces, [&](int64_t piece) {
    for (int64_t at = rows * piece / pieces, end = rows * (piece + 1) / pieces; at < end; at += block) add(at, std::min(end, at + block), &parts[piece * size]);
  });
  for (int64_t piece = 1; piece < pieces; piece++)
    for (int64_t i = 0; i < size; i++) parts[i] += parts[piece * size + i];
  parts.resize(size);
  return parts;
}

// Calls body(first, count, whole, vectors) for strips of columns: of several vectors if there are enough columns, so that memory is read nearly in order.
template <class Body> inline void eachStrip(int64_t columns, Body body) {
  int64_t i = 0;
  for (; i + 4 * lanes <= columns; i += 4 * lanes) body(i, int64_t(lanes), std::true_type(), std::integral_constant<int, 4>());
  for (; i + 2 * lanes <= columns; i += 2 * lanes) body(i, int64_t(lanes), std::true_type(), std::integral_constant<int, 2>());
  eachVec(columns - i, [&](int64_t j, int64_t count, auto whole) { body(i + j, count, whole, std::integral_constant<int, 1>()); });
}

inline void addTo(double* sums, Vec v, int64_t count) {
  for (int64_t i = 0; i < count; i++) sums[i] += v[i];
}

}  // namespace winnow
