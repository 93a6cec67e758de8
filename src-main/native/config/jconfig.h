// The configuration of the libjpeg-turbo that set-up fetches: its application interface is that of libjpeg 6b.
#define JPEG_LIB_VERSION 62
#define MEM_SRCDST_SUPPORTED 1
#define BITS_IN_JSAMPLE 8
