// What Node loads. Loading registers the kernels with TensorFlow; JavaScript only learns their names.
#include <node_api.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include "kernel.h"
#include "pool.h"

// A step makes and drops the same large tensors again and again. glibc would give each back to the system and take it anew, page by
// page, which cost a tenth of a step; so it keeps up to a gibibyte.
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
