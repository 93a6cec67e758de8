declare module 'jpeg-lossless-decoder-js' {
  const jpeg: {
    lossless: {
      Decoder: new () => {
        decode(buffer: ArrayBuffer, offset: number, length: number, bytesPerValue: number): Uint8Array | Uint16Array;
      };
    };
  };
  export default jpeg;
}
