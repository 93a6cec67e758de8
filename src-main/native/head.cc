// Reads the structure of a file and tells whether it is plain. Anything unusual is not: an ICC profile, a gain map, odd markers, a broken EXIF block.
#include <algorithm>
#include <cstring>
#include "picture.h"

namespace winnow {
namespace {

/// Bytes with bounds. Reads beyond the end give zeros.
struct Span {
  const uint8_t* bytes;
  size_t length;
  uint32_t byte(size_t at) const { return at < length ? bytes[at] : 0; }
  uint32_t word(size_t at, bool little = false) const { return little ? byte(at) | byte(at + 1) << 8 : byte(at) << 8 | byte(at + 1); }
  uint32_t quad(size_t at, bool little = false) const {
    return little ? word(at, true) | word(at + 2, true) << 16 : word(at) << 16 | word(at + 2);
  }
  bool starts(const char* text, size_t n) const { return length >= n && !std::memcmp(bytes, text, n); }
  bool contains(const char* text) const {
    const size_t n = std::strlen(text);
    return std::search(bytes, bytes + length, text, text + n) != bytes + length;
  }
  Span from(size_t at, size_t n) const { return {bytes + at, n}; }
};

/// The orientation in an EXIF block after its marker; 1 if it has none, 0 if the block is unusual.
int orientationOf(Span tiff) {
  if (tiff.length < 14) return 0;
  const bool little = tiff.starts("II*\0", 4);
  if (!little && !tiff.starts("MM\0*", 4)) return 0;
  const size_t at = tiff.quad(4, little);
  if (at < 8 || at + 2 > tiff.length) return 0;
  const size_t entries = tiff.word(at, little);
  if (at + 2 + entries * 12 > tiff.length) return 0;
  int found = 1;
  for (size_t i = 0, seen = 0; i < entries; i++) {
    const size_t entry = at + 2 + i * 12;
    if (tiff.word(entry, little) != 0x0112) continue;
    if (seen++ || tiff.word(entry + 2, little) != 3 || tiff.quad(entry + 4, little) != 1) return 0;
    found = static_cast<int>(tiff.word(entry + 8, little));
    if (found < 1 || found > 8) return 0;
  }
  return found;
}

/// The sRGB profile of Hewlett-Packard (sRGB IEC61966-2.1, 3,144 bytes), which most cameras and programs embed: leaving it out changes no level by more than 2.
/// Known by its FNV-1a hash.
bool isUsualSrgb(Span part) {
  if (part.length != 14 + 3144 || !part.starts("ICC_PROFILE\0\1\1", 14)) return false;
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 14; i < part.length; i++) hash = (hash ^ part.bytes[i]) * 0x100000001b3;
  return hash == 0x56d2cbfca6b54318;
}

/// The scans of a JPEG from the first one on; at least one.
int countScans(Span rest) {
  int scans = 0;
  for (size_t at = 0; at + 1 < rest.length; at++) {
    const void* next = std::memchr(rest.bytes + at, 0xff, rest.length - at);
    if (!next) break;
    at = static_cast<const uint8_t*>(next) - rest.bytes;
    scans += rest.byte(at + 1) == 0xda;
  }
  return std::max(1, scans);
}

constexpr size_t maxSide = 65535;
bool isSize(uint32_t width, uint32_t height) { return width >= 1 && height >= 1 && width <= maxSide && height <= maxSide; }

}  // namespace

bool readJpegHead(const uint8_t* bytes, size_t length, Head& head) {
  const Span file{bytes, length};
  head = {Format::jpeg, 0, 0, 0, 1};
  bool isProgressive = false, hasExif = false, hasProfile = false;
  if (file.word(0) != 0xffd8) return false;
  for (size_t at = 2; at + 4 <= length;) {
    const uint32_t kind = file.byte(at + 1), size = file.word(at + 2);
    if (file.byte(at) != 0xff || size < 2 || at + 2 + size > length) return false;
    const Span part = file.from(at + 4, size - 2);
    at += 2 + size;
    switch (kind) {
      case 0xc0: case 0xc1: case 0xc2:  // baseline, extended, progressive
        isProgressive = kind == 0xc2;
        head.height = static_cast<int>(part.word(1));
        head.width = static_cast<int>(part.word(3));
        head.bands = static_cast<int>(part.byte(5));
        if (part.byte(0) != 8 || !isSize(head.width, head.height) || (head.bands != 1 && head.bands != 3)) return false;
        break;
      case 0xda:
        if (isProgressive || static_cast<int>(part.byte(0)) < head.bands) head.scans = countScans(file.from(at - 2 - size, length - (at - 2 - size)));
        return head.bands != 0;
      case 0xe1:
        if (part.starts("Exif\0\0", 6)) {
          if (hasExif) return false;
          hasExif = true;
          head.orientation = orientationOf(part.from(6, part.length - 6));
          if (!head.orientation) return false;
        } else if (!part.starts("http://ns.adobe.com/xap/1.0/", 28) || part.contains("hdrgm") || part.contains("HDRGainMap")) {
          return false;
        }
        break;
      case 0xe2:
        if (hasProfile || !isUsualSrgb(part)) return false;
        hasProfile = true;
        break;
      case 0xe0: case 0xed: case 0xee: case 0xdb: case 0xc4: case 0xdd: case 0xfe:  // JFIF, Photoshop, Adobe, tables, comment
        break;
      default:
        return false;
    }
  }
  return false;
}

bool readPngHead(const uint8_t* bytes, size_t length, Head& head) {
  const Span file{bytes, length};
  if (!file.starts("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) || length < 45) return false;
  const uint32_t width = file.quad(16), height = file.quad(20), depth = file.byte(24), colour = file.byte(25);
  if (!isSize(width, height) || !((colour == 0 || colour == 2) ? depth == 8 : colour == 3 && depth <= 8)) return false;
  head = {Format::png, static_cast<int>(width), static_cast<int>(height), colour == 0 ? 1 : 3, 1};
  bool isSrgb = false, isOther = false;
  for (size_t at = 33; at + 12 <= length;) {
    const size_t size = file.quad(at);
    if (size > length - at - 12) return false;
    const Span kind = file.from(at + 4, 4), body = file.from(at + 8, size);
    if (kind.starts("IDAT", 4)) return isSrgb || !isOther;
    isSrgb |= kind.starts("sRGB", 4);
    if (kind.starts("gAMA", 4) || kind.starts("cHRM", 4)) {  // sRGB has precedence
      isOther = true;
      at += 12 + size;
      continue;
    }
    const bool isText = kind.starts("tEXt", 4) || kind.starts("iTXt", 4);
    // Text can hold EXIF.
    if (isText ? body.starts("Raw profile", 11)
               : !kind.starts("PLTE", 4) && !kind.starts("pHYs", 4) && !kind.starts("tIME", 4) && !kind.starts("sRGB", 4))
      return false;
    at += 12 + size;
  }
  return false;
}

bool readWebpHead(const uint8_t* bytes, size_t length, Head& head) {
  const Span file{bytes, length};
  if (length < 30 || !file.starts("RIFF", 4) || !file.from(8, 4).starts("WEBP", 4)) return false;
  if (file.quad(4, true) + size_t{8} > length) return false;
  // The extended form only if it holds no profile, alpha, EXIF or animation.
  if (file.from(12, 4).starts("VP8X", 4) && (file.byte(20) & ~0x04u)) return false;
  head = {Format::webp, 0, 0, 3, 1};
  return true;  // libwebp reads the size
}

}  // namespace winnow
