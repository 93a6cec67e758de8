// Reads a file in one call, and hashes it with Node's own OpenSSL, so that one request to a thread does what else takes ten.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include "picture.h"

// Exported by Node (openssl/evp.h).
extern "C" {
struct evp_md_st;
const evp_md_st* EVP_sha256(void);
int EVP_Digest(const void* data, size_t count, unsigned char* md, unsigned int* size, const evp_md_st* type, void* engine);
}

namespace winnow {
namespace {

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

}  // namespace

bool readFile(const char* path, size_t maxBytes, std::vector<uint8_t>& bytes, char (&sha256)[65]) {
  struct stat found;
  // As file/open.ts: checked before opening too, since opening a device can have side effects; a pipe would block.
  if (stat(path, &found) || !S_ISREG(found.st_mode)) return false;
  const Descriptor file{open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (file.number < 0 || fstat(file.number, &found) || !S_ISREG(found.st_mode)) return false;
  const size_t size = static_cast<size_t>(found.st_size);
  if (size > maxBytes) return false;
  bytes.resize(size + 1);  // one more shows whether it grew
  size_t length = 0;
  while (length < bytes.size()) {
    const ssize_t got = read(file.number, bytes.data() + length, bytes.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  if (length != size) return false;
  bytes.resize(size);
  unsigned char digest[64];
  unsigned int count = 0;
  if (!EVP_Digest(bytes.data(), size, digest, &count, EVP_sha256(), nullptr) || count != 32) return false;
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 32; i++) {
    sha256[2 * i] = digits[digest[i] >> 4];
    sha256[2 * i + 1] = digits[digest[i] & 15];
  }
  sha256[64] = 0;
  return true;
}

}  // namespace winnow
