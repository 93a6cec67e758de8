// Work shared among the cores. Chunks are taken by whoever is free, so a kernel writes to places that belong to the chunk and not
// to the thread: the result is then the same, bit for bit, whoever did what.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>

namespace winnow {

int threads();

// Calls work(chunk) once for each of `chunks`, on all threads, the caller among them; returns when all are done. Not to be nested.
void parallel(int64_t chunks, const std::function<void(int64_t)>& work);

// The same over 0..items in contiguous spans of at least `least` items: work(from, to). Spans depend on the number of threads, so
// only for work where each item stands alone.
inline void parallelSpans(int64_t items, int64_t least, const std::function<void(int64_t, int64_t)>& work) {
  int64_t chunks = std::min<int64_t>(threads() * 4, std::max<int64_t>(1, items / std::max<int64_t>(1, least)));
  parallel(chunks, [&](int64_t c) { work(items * c / chunks, items * (c + 1) / chunks); });
}

}  // namespace winnow
