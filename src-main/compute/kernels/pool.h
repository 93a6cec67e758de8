// Parallel loops over chunks of work. Any free thread takes the next chunk. A kernel writes to memory that belongs to the chunk and not to the thread: so
// results are bit-identical whatever the scheduling.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>

namespace winnow {

int threads();

// Calls work(chunk) once for each of `chunks`, on all threads including the caller; returns when all are done. Calls must not be nested.
void parallel(int64_t chunks, const std::function<void(int64_t)>& work);

// The same for contiguous spans of at least `least` items: work(from, to). The spans depend on the number of threads, so use it only if items are independent.
inline void parallelSpans(int64_t items, int64_t least, const std::function<void(int64_t, int64_t)>& work) {
  int64_t chunks = std::min<int64_t>(threads() * 4, std::max<int64_t>(1, items / std::max<int64_t>(1, least)));
  parallel(chunks, [&](int64_t c) { work(items * c / chunks, items * (c + 1) / chunks); });
}

}  // namespace winnow
