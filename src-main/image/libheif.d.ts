declare module 'libheif-js/wasm-bundle.js' {
  interface Handle {
    readonly handle: unique symbol;
  }
  interface Plane {
    id: unknown;
    width: number;
    height: number;
    stride: number;
    bits_per_pixel: number;
    data: Uint8Array;
  }
  /** One of the top-level images of a file. */
  interface HeifImage {
    handle: Handle;
    is_primary(): boolean;
    has_alpha_channel(): boolean;
    is_premultiplied_alpha(): boolean;
    free(): void;
  }
  interface Library {
    ready: Promise<unknown>;
    HeifDecoder: new () => { decoder: { delete(): void } | null; decode(bytes: Uint8Array): HeifImage[] };
    heif_colorspace: { heif_colorspace_RGB: unknown };
    heif_chroma: { heif_chroma_interleaved_RGBA: unknown; heif_chroma_interleaved_RRGGBBAA_LE: unknown };
    heif_channel: { heif_channel_interleaved: unknown };
    heif_js_decode_image2(
      handle: Handle,
      colours: unknown,
      chroma: unknown,
    ): Promise<{ code?: unknown; message?: string; channels: Plane[]; image: unknown } | null>;
    heif_image_release(image: unknown): void;
  }
  const library: Library;
  export default library;
}
