declare module 'libheif-js/libheif-wasm/libheif.js' {
  /** The functions of libheif's C API. Numbers are addresses, unless they are sizes. A function that returns a heif_error writes it to its first argument. */
  interface Heif {
    HEAPU8: Uint8Array<ArrayBuffer>;
    _malloc(bytes: number): number;
    _free(at: number): void;
    _heif_context_alloc(): number;
    _heif_context_read_from_memory_without_copy(
      error: number,
      context: number,
      file: number,
      bytes: number,
      options: number,
    ): void;
    _heif_context_get_primary_image_handle(error: number, context: number, handle: number): void;
    _heif_context_get_number_of_top_level_images(context: number): number;
    _heif_image_handle_get_preferred_decoding_colorspace(
      error: number,
      handle: number,
      colours: number,
      chroma: number,
    ): void;
    _heif_image_handle_get_image_tiling(error: number, handle: number, isTurned: number, tiling: number): void;
    _heif_image_handle_is_premultiplied_alpha(handle: number): number;
    _heif_image_handle_has_alpha_channel(handle: number): number;
    _heif_decoding_options_alloc(): number;
    _heif_decode_image(
      error: number,
      handle: number,
      image: number,
      colours: number,
      chroma: number,
      options: number,
    ): void;
    _heif_image_get_width(image: number, channel: number): number;
    _heif_image_get_height(image: number, channel: number): number;
    _heif_image_get_bits_per_pixel_range(image: number, channel: number): number;
    _heif_image_get_plane_readonly(image: number, channel: number, stride: number): number;
  }
  /** Starts an instance; it is ready at once. */
  type StartHeif = (options: {
    instantiateWasm(imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => unknown): unknown;
    print(line: string): void;
    printErr(line: string): void;
  }) => Heif;
}
