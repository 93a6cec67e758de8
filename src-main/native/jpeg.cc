// JPEG by libjpeg-turbo: the accurate inverse DCT and smooth chroma, as libvips uses it.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include "picture.h"
extern "C" {
#include <jpeglib.h>
}

namespace winnow {
namespace {

struct Errors {
  jpeg_error_mgr base;
  std::jmp_buf leave;
};

[[noreturn]] void onError(j_common_ptr info) { std::longjmp(reinterpret_cast<Errors*>(info->err)->leave, 1); }
/// A warning is treated as an error: the file is not plain.
void onMessage(j_common_ptr info, int level) {
  if (level < 0) onError(info);
}
void onOutput(j_common_ptr) {}

jpeg_error_mgr* use(Errors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = onError;
  errors.base.emit_message = onMessage;
  errors.base.output_message = onOutput;
  return &errors.base;
}

}  // namespace

// Between setjmp and longjmp there are no objects with destructors.
bool decodeJpeg(const uint8_t* bytes, size_t length, int shrink, Picture& out) {
  jpeg_decompress_struct info{};
  Errors errors;
  info.err = use(errors);
  if (setjmp(errors.leave)) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes, length);
  jpeg_read_header(&info, TRUE);
  if (info.jpeg_color_space != JCS_YCbCr && info.jpeg_color_space != JCS_GRAYSCALE) onError(reinterpret_cast<j_common_ptr>(&info));
  info.scale_num = 1;
  info.scale_denom = shrink;
  jpeg_start_decompress(&info);
  const int bands = info.output_components;
  // libjpeg rounds sizes up; a partial column or row at the end would be too dark.
  out.resize(static_cast<int>(info.image_width) / shrink, static_cast<int>(info.image_height) / shrink, bands, static_cast<int>(info.output_width) * bands);
  while (info.output_scanline < info.output_height) {
    const int y = static_cast<int>(info.output_scanline);
    JSAMPROW rows[4];
    // The row of padding after the picture takes what is rounded down.
    for (int i = 0; i < 4; i++) rows[i] = out.row(y + i < out.height ? y + i : out.height);
    jpeg_read_scanlines(&info, rows, 4);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return out.width > 0 && out.height > 0;
}

std::vector<uint8_t> encodeJpeg(const Picture& rgb, int quality) {
  jpeg_compress_struct info{};
  Errors errors;
  unsigned char* volatile encoded = nullptr;
  unsigned char* buffer = nullptr;
  unsigned long length = 0;
  info.err = use(errors);
  if (setjmp(errors.leave)) {
    jpeg_destroy_compress(&info);
    std::free(encoded);
    return {};
  }
  jpeg_create_compress(&info);
  length = static_cast<unsigned long>(rgb.width) * rgb.height * 3 / 2 + 4096;  // almost always enough
  encoded = buffer = static_cast<unsigned char*>(std::malloc(length));
  if (!buffer) onError(reinterpret_cast<j_common_ptr>(&info));
  jpeg_mem_dest(&info, &buffer, &length);
  info.image_width = rgb.width;
  info.image_height = rgb.height;
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(rgb.row(static_cast<int>(info.next_scanline)));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::vector<uint8_t> result(buffer, buffer + length);
  if (buffer != encoded) std::free(buffer);  // libjpeg took a larger one
  std::free(encoded);
  return result;
}

}  // namespace winnow
