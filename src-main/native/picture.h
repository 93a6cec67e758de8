// What the parts of the native image reader share: pictures in memory, and what is known of a file from its header.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace winnow {

/// Rows of interleaved bytes, top first. Rows are padded, so that loops over whole vectors may read and write up to 63 bytes beyond a row.
class Picture {
 public:
  int width = 0;
  int height = 0;
  int bands = 0;  // 1: gray, 3: RGB

  /// Keeps the memory of earlier pictures. Contents are undefined.
  void resize(int w, int h, int b, int rowBytes = 0) {
    width = w;
    height = h;
    bands = b;
    stride_ = (static_cast<size_t>(rowBytes > w * b ? rowBytes : w * b) + 127) / 64 * 64;
    const size_t needed = stride_ * (static_cast<size_t>(h) + 1);
    if (needed > capacity_) {
      data_.reset();
      data_.reset(new uint8_t[needed]);
      capacity_ = needed;
    }
  }
  /// Of this many rows, with their padding.
  size_t bytesOf(int rows) const { return stride_ * rows; }
  uint8_t* row(int y) { return data_.get() + stride_ * y; }
  const uint8_t* row(int y) const { return data_.get() + stride_ * y; }
  /// Gives back the memory of a large picture.
  void trim() {
    if (capacity_ <= keptBytes) return;
    data_.reset();
    capacity_ = 0;
  }

 private:
  static constexpr size_t keptBytes = 4 << 20;
  std::unique_ptr<uint8_t[]> data_;
  size_t capacity_ = 0;
  size_t stride_ = 0;
};

enum class Format { jpeg, png, webp };

/// A file that the native reader can decode. Sizes are those of the stored rows, before orientation.
struct Head {
  Format format;
  int width;
  int height;
  int bands;
  int orientation;  // EXIF, 1 to 8
  int scans = 1;    // of a JPEG; above one, its decoder keeps the coefficients of the whole image
};

/// True if the file is plain: nothing in it needs more than decoding to 8-bit sRGB. Reads the structure of the file, not its pixels.
bool readHead(const uint8_t* bytes, size_t length, Head& head);
bool readJpegHead(const uint8_t* bytes, size_t length, Head& head);
bool readPngHead(const uint8_t* bytes, size_t length, Head& head);
bool readWebpHead(const uint8_t* bytes, size_t length, Head& head);

/// A regular file, whole, with its SHA-256 in hexadecimal. False if it cannot be read, is larger, or changes meanwhile.
bool readFile(const char* path, size_t maxBytes, std::vector<uint8_t>& bytes, char (&sha256)[65]);

/// Each decodes a plain file. False at any error or warning: then another decoder decides what the file is worth.
/// `shrink`: 1, 2, 4 or 8; sizes are rounded down.
bool decodeJpeg(const uint8_t* bytes, size_t length, int shrink, Picture& out);
bool decodePng(const uint8_t* bytes, size_t length, const Head& head, Picture& out);
/// libwebp scales to this size.
bool decodeWebp(const uint8_t* bytes, size_t length, int width, int height, Picture& out);

/// JPEG with 4:2:0 chroma and the standard Huffman tables. Empty if it fails.
std::vector<uint8_t> encodeJpeg(const Picture& rgb, int quality);

/// Shrinks by these factors, each at least 1, as vips_resize with Lanczos 3 does. `out` is not `in`. False if a factor is below 1.
bool reduce(const Picture& in, double shrinkX, double shrinkY, Picture& between, Picture& out);

/// The counts and sums of image/measure.ts, in the order of its `Tally`.
constexpr int tallyLength = 4 * 256 + 13;
void tally(const Picture& rgb, double* out);

/// The fingerprint of duplicate/fingerprint.ts.
constexpr int fingerprintBytes = 6 + 32 * 32 + 2 * 8 * 8;
void fingerprint(const Picture& rgb, uint8_t* out);

/// See duplicate/spectrum.ts. A point has the frequencies u, v with 0 < u + v < spectrumOrder.
constexpr int spectrumKept = 24, spectrumOrder = 8, spectrumPoint = spectrumOrder * (spectrumOrder + 1) / 2 - 1;
/// `base`: the basis functions, [kept, 16]. `out`: [kept, kept]. Returns the standard deviation of the luminance.
double transform(const uint8_t* fingerprint, const float* base, float* out);
/// `maps`: [windows, 2, order, kept], across and down. `out`: [windows, point].
void pointsOf(const float* coefficients, const float* maps, int windows, float* out);

}  // namespace winnow
