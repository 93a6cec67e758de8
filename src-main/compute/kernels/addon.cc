// The Node add-on. Loading it registers the kernels with TensorFlow; JavaScript gets only their names and the number of threads.
#include <node_api.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include "kernel.h"
#include "pool.h"

// Each step allocates and frees the same large tensors. glibc would return them to the system and allocate them again, page by page, which took a tenth of a
// step. So glibc keeps blocks of up to 1 GiB.
static void keepMemory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

static napi_value init(napi_env env, napi_value exports) {
  keepMemory();
  napi_value ops, threads;
  napi_create_array(env, &ops);
  for (size_t i = 0; i < winnow::registered().size(); i++) {
    napi_value name;
    napi_create_string_utf8(env, winnow::registered()[i].c_str(), NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, ops, static_cast<uint32_t>(i), name);
  }
  napi_create_int32(env, winnow::threads(), &threads);
  napi_set_named_property(env, exports, "ops", ops);
  napi_set_named_property(env, exports, "threads", threads);
  return exports;
}

NAPI_MODULE(winnow_kernels, init)
