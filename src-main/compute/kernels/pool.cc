// The thread pool, one per process. Kernels of a training step follow each other within microseconds, so a worker spins for a while before it sleeps.
#include "pool.h"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace winnow {
namespace {

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

constexpr int spins = 2000;  // some 50 to 100 microseconds

class Pool {
 public:
  explicit Pool(int size) {
    for (int i = 1; i < size; i++) std::thread([this] { serve(); }).detach();
    helpers_ = size - 1;
  }
  int size() const { return helpers_ + 1; }

  void run(int64_t chunks, const std::function<void(int64_t)>& work) {
    if (helpers_ == 0 || chunks < 2) {
      for (int64_t c = 0; c < chunks; c++) work(c);
      return;
    }
    work_ = &work;
    chunks_ = chunks;
    next_.store(0);
    open_.store(true);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      round_.fetch_add(1);
    }
    if (asleep_.load() > 0) wake_.notify_all();
    take();
    // A worker that wakes too late (another program may use its core) finds the round closed; only active workers are awaited.
    open_.store(false);
    while (atWork_.load() > 0) relax();
  }

 private:
  void take() {
    for (int64_t c; (c = next_.fetch_add(1)) < chunks_;) (*work_)(c);
  }

  void serve() {
    uint64_t seen = 0;
    for (;;) {
      int spun = 0;
      while (round_.load() == seen && spun++ < spins) relax();
      if (round_.load() == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        asleep_++;
        wake_.wait(lock, [&] { return round_.load() != seen; });
        asleep_--;
      }
      seen = round_.load();
      atWork_++;
      if (open_.load()) take();
      atWork_--;
    }
  }

  int helpers_ = 0;
  const std::function<void(int64_t)>* work_ = nullptr;
  int64_t chunks_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<bool> open_{false};
  std::atomic<int> atWork_{0}, asleep_{0};
  std::atomic<uint64_t> round_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

// Never destroyed: its threads may still wait in it when the process ends.
Pool& pool() {
  static Pool* made = [] {
    const char* setting = std::getenv("WINNOW_THREADS");
    int size = setting ? std::atoi(setting) : 0;
    if (size < 1) size = static_cast<int>(std::thread::hardware_concurrency());
    return new Pool(std::max(1, size));
  }();
  return *made;
}

std::mutex turn;  // TensorFlow may run ops in several threads: their calls run one after the other

}  // namespace

int threads() { return pool().size(); }

void parallel(int64_t chunks, const std::function<void(int64_t)>& work) {
  std::lock_guard<std::mutex> lock(turn);
  pool().run(chunks, work);
}

}  // namespace winnow
