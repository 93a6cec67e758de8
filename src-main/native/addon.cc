// The Node add-on: `head` tells whether a file is plain; `read`, `thumbnail` and `rectangle` decode one in a thread of Node's pool. Their result is null if the file
// turns out not to be plain. `transform` and `points` compute spectra at once. See native/index.ts.
#include <node_api.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <string>
#include "picture.h"

namespace winnow {

bool readWebpSize(const uint8_t* bytes, size_t length, Head& head);

bool readHead(const uint8_t* bytes, size_t length, Head& head) {
  if (length < 16) return false;
  if (bytes[0] == 0xff) return readJpegHead(bytes, length, head);
  if (bytes[0] == 0x89) return readPngHead(bytes, length, head);
  return readWebpHead(bytes, length, head) && readWebpSize(bytes, length, head);
}

namespace {

/// Larger pictures are left to libvips, which decodes in strips. Pixels after the scaling of the decoder.
constexpr double maxPixels = 8e6;

/// What `read` does without asking: the memory of one file and of its decoder, and the work of a decoder, in pixels times scans. The rest waits for its turn elsewhere.
constexpr size_t maxBytesAtOnce = 16 << 20;
constexpr double maxPixelsAtOnce = 4e6;
constexpr double maxWorkAtOnce = 1e8;

bool isSmall(const Head& head) {
  const double pixels = static_cast<double>(head.width) * head.height;
  return pixels * head.scans <= maxWorkAtOnce && (head.scans == 1 || pixels <= maxPixelsAtOnce);
}

struct Shrink {
  double x, y;
};

/// By how much sharp shrinks. Without `isStretched`: into a square of this side, never enlarged.
Shrink shrinkFor(int width, int height, int toWidth, int toHeight, bool isStretched) {
  double x = static_cast<double>(width) / toWidth, y = static_cast<double>(height) / toHeight;
  if (!isStretched) x = y = std::max({1.0, x, y});
  return {std::min<double>(x, width), std::min<double>(y, height)};
}

/// The shrink of the JPEG decoder that sharp chooses.
int jpegShrink(double shrink) {
  int by = shrink >= 8 ? 8 : shrink >= 4 ? 4 : shrink >= 2 ? 2 : 1;
  if (by > 1 && static_cast<int>(shrink) == by) by /= 2;  // so that libjpeg's rounding of sizes does no harm
  return by;
}

struct Request {
  std::string path;  // of a file that is read first
  const uint8_t* bytes;
  size_t length;
  int width, height;  // of the result, after orientation
  bool isStretched;
};

/// Applies an EXIF orientation, and repeats the channel of a gray picture.
void orient(const Picture& in, int orientation, Picture& out) {
  const bool isTurned = orientation > 4;
  const int width = isTurned ? in.height : in.width, height = isTurned ? in.width : in.height;
  out.resize(width, height, 3);
  for (int y = 0; y < height; y++) {
    uint8_t* to = out.row(y);
    for (int x = 0; x < width; x++, to += 3) {
      int u = isTurned ? y : x, v = isTurned ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) u = in.width - 1 - u;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) v = in.height - 1 - v;
      const uint8_t* from = in.row(v) + u * in.bands;
      for (int band = 0; band < 3; band++) to[band] = from[in.bands == 3 ? band : 0];
    }
  }
}

/// Buffers of one thread.
struct Work {
  Picture decoded, between, reduced, oriented;
  std::vector<uint8_t> file;
  void trim() {
    if (file.capacity() > (4 << 20)) std::vector<uint8_t>().swap(file);
    for (Picture* picture : {&decoded, &between, &reduced, &oriented}) picture->trim();
  }
};

/// The standard pixels at the requested size, RGB; null if the file is not plain.
const Picture* decode(const Request& request, const Head& head, Work& work) {
  const bool isTurned = head.orientation > 4;
  const int toWidth = isTurned ? request.height : request.width, toHeight = isTurned ? request.width : request.height;
  const Shrink whole = shrinkFor(head.width, head.height, toWidth, toHeight, request.isStretched);
  const double least = std::min(whole.x, whole.y);
  const double pixels = static_cast<double>(head.width) * head.height;
  Picture& decoded = work.decoded;
  if (head.format == Format::jpeg) {
    const int by = jpegShrink(least);
    if (pixels / by / by > maxPixels || !decodeJpeg(request.bytes, request.length, by, decoded)) return nullptr;
  } else if (head.format == Format::png) {
    if (pixels > maxPixels || !decodePng(request.bytes, request.length, head, decoded)) return nullptr;
  } else {
    const double scale = least > 1 ? 1 / least : 1;
    const int width = static_cast<int>(std::rint(head.width * scale)), height = static_cast<int>(std::rint(head.height * scale));
    if (pixels > maxPixels || !decodeWebp(request.bytes, request.length, width, height, decoded)) return nullptr;
  }
  const Shrink left = shrinkFor(decoded.width, decoded.height, toWidth, toHeight, request.isStretched);
  const Picture* result = &decoded;
  if (left.x != 1 || left.y != 1) {
    // libvips is given a scale, and takes its inverse again.
    if (!reduce(decoded, 1 / std::max(1 / left.x, 1.0 / decoded.width), 1 / std::max(1 / left.y, 1.0 / decoded.height), work.between, work.reduced))
      return nullptr;
    result = &work.reduced;
  }
  if (head.orientation == 1 && result->bands == 3) return result;
  orient(*result, head.orientation, work.oriented);
  return &work.oriented;
}

/// A request on its way: made on the main thread, run in the pool, answered on the main thread.
struct Job {
  napi_async_work work = nullptr;
  napi_deferred answer = nullptr;
  napi_ref input = nullptr;
  Request request{};
  int quality = 0;  // 0: the pixels only
  bool isDone = false;
  Head head{};
  char sha256[65] = "";
  int width = 0, height = 0;
  std::vector<uint8_t> bytes;  // JPEG or pixels
  std::vector<uint8_t> print;
  std::vector<double> counts;
};

void execute(napi_env, void* data) {
  Job& job = *static_cast<Job*>(data);
  thread_local Work work;
  try {
    Request& request = job.request;
    const bool isFile = !request.path.empty();
    bool isPlain = !isFile || readFile(request.path.c_str(), maxBytesAtOnce, work.file, job.sha256);
    if (isFile) request.bytes = work.file.data(), request.length = work.file.size();
    isPlain = isPlain && readHead(request.bytes, request.length, job.head) && (!isFile || isSmall(job.head));
    const Picture* picture = isPlain ? decode(request, job.head, work) : nullptr;
    if (picture) {
      job.width = picture->width;
      job.height = picture->height;
      if (job.quality) {
        job.bytes = encodeJpeg(*picture, job.quality);
        job.print.resize(fingerprintBytes);
        fingerprint(*picture, job.print.data());
        job.counts.resize(tallyLength);
        tally(*picture, job.counts.data());
      } else {
        const size_t rowBytes = static_cast<size_t>(picture->width) * 3;
        job.bytes.resize(rowBytes * picture->height);
        for (int y = 0; y < picture->height; y++) std::memcpy(job.bytes.data() + rowBytes * y, picture->row(y), rowBytes);
      }
      job.isDone = !job.bytes.empty();
    }
  } catch (const std::bad_alloc&) {
    job.isDone = false;
  }
  work.trim();
}

napi_value bufferOf(napi_env env, const void* data, size_t length) {
  napi_value buffer;
  napi_create_buffer_copy(env, length, data, nullptr, &buffer);
  return buffer;
}

/// What `read` tells of the file.
void describe(napi_env env, const Job& job, napi_value result) {
  static const char* const formats[] = {"jpeg", "png", "webp"};
  const bool isTurned = job.head.orientation > 4;
  napi_value format, hash, image, sides[2];
  napi_create_string_utf8(env, formats[static_cast<int>(job.head.format)], NAPI_AUTO_LENGTH, &format);
  napi_create_string_utf8(env, job.sha256, 64, &hash);
  napi_create_int32(env, isTurned ? job.head.height : job.head.width, &sides[0]);
  napi_create_int32(env, isTurned ? job.head.width : job.head.height, &sides[1]);
  napi_create_array_with_length(env, 2, &image);
  for (uint32_t i = 0; i < 2; i++) napi_set_element(env, image, i, sides[i]);
  napi_set_named_property(env, result, "format", format);
  napi_set_named_property(env, result, "sha256", hash);
  napi_set_named_property(env, result, "size", image);
}

void complete(napi_env env, napi_status status, void* data) {
  Job* job = static_cast<Job*>(data);
  napi_value result;
  napi_get_null(env, &result);
  if (status == napi_ok && job->isDone) {
    if (job->quality) {
      napi_value width, height, counts, memory;
      void* numbers = nullptr;
      napi_create_int32(env, job->width, &width);
      napi_create_int32(env, job->height, &height);
      napi_create_arraybuffer(env, job->counts.size() * sizeof(double), &numbers, &memory);
      std::memcpy(numbers, job->counts.data(), job->counts.size() * sizeof(double));
      napi_create_typedarray(env, napi_float64_array, job->counts.size(), memory, 0, &counts);
      napi_create_object(env, &result);
      napi_set_named_property(env, result, "bytes", bufferOf(env, job->bytes.data(), job->bytes.size()));
      napi_set_named_property(env, result, "width", width);
      napi_set_named_property(env, result, "height", height);
      napi_set_named_property(env, result, "tally", counts);
      napi_set_named_property(env, result, "fingerprint", bufferOf(env, job->print.data(), job->print.size()));
      if (!job->request.path.empty()) describe(env, *job, result);
    } else {
      result = bufferOf(env, job->bytes.data(), job->bytes.size());
    }
  }
  napi_resolve_deferred(env, job->answer, result);
  if (job->input) napi_delete_reference(env, job->input);
  napi_delete_async_work(env, job->work);
  delete job;
}

bool takeBytes(napi_env env, napi_value value, const uint8_t*& bytes, size_t& length) {
  void* data = nullptr;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok || type != napi_uint8_array) {
    napi_throw_type_error(env, nullptr, "a Uint8Array is expected");
    return false;
  }
  bytes = static_cast<const uint8_t*>(data);
  return true;
}

int whole(napi_env env, napi_value value) {
  int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

bool takePath(napi_env env, napi_value value, std::string& path) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok || length == 0) {
    napi_throw_type_error(env, nullptr, "a path is expected");
    return false;
  }
  path.resize(length);
  napi_get_value_string_utf8(env, value, &path[0], length + 1, &length);
  return true;
}

enum class Kind { read, thumbnail, rectangle };

napi_value start(napi_env env, napi_callback_info call, Kind kind) {
  size_t count = 3;
  napi_value values[3];
  napi_get_cb_info(env, call, &count, values, nullptr, nullptr);
  const bool isFile = kind == Kind::read, isThumbnail = kind != Kind::rectangle;
  Request request{};
  if (count < 3) {
    napi_throw_type_error(env, nullptr, "three arguments are expected");
    return nullptr;
  }
  if (!(isFile ? takePath(env, values[0], request.path) : takeBytes(env, values[0], request.bytes, request.length))) return nullptr;
  request.width = whole(env, values[1]);
  request.height = isThumbnail ? request.width : whole(env, values[2]);
  request.isStretched = !isThumbnail;
  if (request.width < 1 || request.height < 1) {
    napi_throw_range_error(env, nullptr, "sizes are at least 1");
    return nullptr;
  }
  Job* job = new Job;
  job->request = request;
  job->quality = isThumbnail ? whole(env, values[2]) : 0;
  napi_value promise, name;
  napi_create_promise(env, &job->answer, &promise);
  if (!isFile) napi_create_reference(env, values[0], 1, &job->input);
  napi_create_string_utf8(env, "winnow.image", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, execute, complete, job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

// (path, sidePx, quality) → that of `thumbnail` with { format, sha256, size: [width, height] of the image }, or null
napi_value read(napi_env env, napi_callback_info call) { return start(env, call, Kind::read); }
// (bytes, sidePx, quality) → { bytes, width, height, tally, fingerprint } or null
napi_value thumbnail(napi_env env, napi_callback_info call) { return start(env, call, Kind::thumbnail); }
// (bytes, width, height) → pixels [height, width, 3] or null
napi_value rectangle(napi_env env, napi_callback_info call) { return start(env, call, Kind::rectangle); }

// (bytes) → [width, height] after orientation, or null
napi_value head(napi_env env, napi_callback_info call) {
  size_t count = 1;
  napi_value value, result;
  napi_get_cb_info(env, call, &count, &value, nullptr, nullptr);
  const uint8_t* bytes;
  size_t length;
  Head found;
  if (!takeBytes(env, value, bytes, length)) return nullptr;
  napi_get_null(env, &result);
  if (!readHead(bytes, length, found)) return result;
  const int sides[] = {found.width, found.height};
  napi_create_array_with_length(env, 2, &result);
  for (uint32_t i = 0; i < 2; i++) {
    napi_value side;
    napi_create_int32(env, sides[found.orientation > 4 ? 1 - i : i], &side);
    napi_set_element(env, result, i, side);
  }
  return result;
}

float* takeFloats(napi_env env, napi_value value, size_t& length) {
  void* data = nullptr;
  napi_typedarray_type type;
  const bool isFound = napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) == napi_ok && type == napi_float32_array;
  return isFound ? static_cast<float*>(data) : nullptr;
}

// (fingerprint, base, out) → the standard deviation of the luminance
napi_value transform(napi_env env, napi_callback_info call) {
  size_t count = 3, length = 0, baseLength = 0, outLength = 0;
  napi_value values[3], result;
  const uint8_t* print;
  napi_get_cb_info(env, call, &count, values, nullptr, nullptr);
  if (!takeBytes(env, values[0], print, length)) return nullptr;
  const float* base = takeFloats(env, values[1], baseLength);
  float* out = takeFloats(env, values[2], outLength);
  if (!base || !out || length != fingerprintBytes || baseLength != spectrumKept * 16 || outLength != spectrumKept * spectrumKept) {
    napi_throw_type_error(env, nullptr, "arrays of other sizes are expected");
    return nullptr;
  }
  napi_create_double(env, winnow::transform(print, base, out), &result);
  return result;
}

// (coefficients, maps, out)
napi_value points(napi_env env, napi_callback_info call) {
  size_t count = 3, length = 0, mapsLength = 0, outLength = 0;
  napi_value values[3];
  napi_get_cb_info(env, call, &count, values, nullptr, nullptr);
  const float* coefficients = takeFloats(env, values[0], length);
  const float* maps = takeFloats(env, values[1], mapsLength);
  float* out = takeFloats(env, values[2], outLength);
  const size_t windows = mapsLength / (2 * spectrumOrder * spectrumKept);
  if (!coefficients || !maps || !out || length != spectrumKept * spectrumKept || outLength != windows * spectrumPoint) {
    napi_throw_type_error(env, nullptr, "arrays of other sizes are expected");
    return nullptr;
  }
  pointsOf(coefficients, maps, static_cast<int>(windows), out);
  return nullptr;
}

napi_value init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"head", nullptr, head, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"read", nullptr, read, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"thumbnail", nullptr, thumbnail, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"rectangle", nullptr, rectangle, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"transform", nullptr, transform, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"points", nullptr, points, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_value pixels;
  napi_create_double(env, maxPixels, &pixels);
  napi_set_named_property(env, exports, "pixelsAtOnce", pixels);
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
  return exports;
}

}  // namespace
}  // namespace winnow

NAPI_MODULE(winnow_image, winnow::init)
