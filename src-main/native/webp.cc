// WebP by libwebp, lossy or lossless, which scales while it decodes.
#include <webp/decode.h>
#include "picture.h"

namespace winnow {

bool decodeWebp(const uint8_t* bytes, size_t length, int width, int height, Picture& out) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return false;
  if (WebPGetFeatures(bytes, length, &config.input) != VP8_STATUS_OK) return false;
  config.options.use_scaling = width != config.input.width || height != config.input.height;
  config.options.scaled_width = width;
  config.options.scaled_height = height;
  out.resize(width, height, 3);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = out.row(0);
  config.output.u.RGBA.stride = static_cast<int>(out.row(1) - out.row(0));
  config.output.u.RGBA.size = static_cast<size_t>(config.output.u.RGBA.stride) * height;
  const bool isDone = WebPDecode(bytes, length, &config) == VP8_STATUS_OK;
  WebPFreeDecBuffer(&config.output);
  return isDone;
}

/// Completes `readHead` of a WebP.
bool readWebpSize(const uint8_t* bytes, size_t length, Head& head) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, length, &features) != VP8_STATUS_OK || features.has_alpha || features.has_animation) return false;
  head.width = features.width;
  head.height = features.height;
  return true;
}

}  // namespace winnow
