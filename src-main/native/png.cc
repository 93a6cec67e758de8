// PNG by libpng, 8-bit gray or RGB; palettes become RGB.
#include <cstdio>
#include <cstring>
#include <png.h>
#include "picture.h"

namespace winnow {
namespace {

struct Input {
  const uint8_t* bytes;
  size_t left;
};

void take(png_structp png, png_bytep to, size_t n) {
  Input& input = *static_cast<Input*>(png_get_io_ptr(png));
  if (n > input.left) png_error(png, "end of file");
  std::memcpy(to, input.bytes, n);
  input.bytes += n;
  input.left -= n;
}
[[noreturn]] void onError(png_structp png, png_const_charp) { png_longjmp(png, 1); }

}  // namespace

bool decodePng(const uint8_t* bytes, size_t length, const Head& head, Picture& out) {
  out.resize(head.width, head.height, head.bands);
  std::vector<png_bytep> rows(head.height);
  for (int y = 0; y < head.height; y++) rows[y] = out.row(y);
  png_bytep* const row = rows.data();
  Input input{bytes, length};
  // A warning is treated as an error: the file is not plain.
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, onError, onError);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  if (!info) {
    png_destroy_read_struct(&png, nullptr, nullptr);
    return false;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, nullptr);
    return false;
  }
  png_set_read_fn(png, &input, take);
  png_read_info(png, info);
  png_set_palette_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_valid(png, info, PNG_INFO_tRNS) || png_get_rowbytes(png, info) != static_cast<size_t>(head.width) * head.bands) png_error(png, "not plain");
  png_read_image(png, row);
  png_read_end(png, nullptr);
  png_destroy_read_struct(&png, &info, nullptr);
  return true;
}

}  // namespace winnow
