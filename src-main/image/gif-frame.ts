/** The first frame of a GIF, if it leaves a part of the canvas empty. libvips makes that part black; it is transparent. */

interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The area of the first frame; null if it covers the canvas, or if the file is damaged before it. */
export function partialFrame(gif: Buffer): Area | null {
  if (gif.length < 13) return null;
  const [canvasWidth, canvasHeight, flags] = [gif.readUInt16LE(6), gif.readUInt16LE(8), gif[10]];
  let at = 13 + (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  // Extensions: a label, then blocks of up to 255 bytes until an empty one.
  while (gif[at] === 0x21) {
    for (at += 2; gif[at]; at += gif[at] + 1);
    at++;
  }
  if (gif[at] !== 0x2c || at + 9 > gif.length) return null;
  const [left, top, width, height] = [1, 3, 5, 7].map((offset) => gif.readUInt16LE(at + offset));
  const isWhole = left === 0 && top === 0 && width >= canvasWidth && height >= canvasHeight;
  return isWhole ? null : { left, top, width, height };
}

/** Makes all pixels outside of `area` white. `data`: RGB. */
export function whiteOutside(data: Uint8Array, width: number, area: Area): void {
  for (let i = 0, x = 0, y = 0; i < data.length; i += 3) {
    if (x < area.left || x >= area.left + area.width || y < area.top || y >= area.top + area.height)
      data.fill(255, i, i + 3);
    if (++x === width) [x, y] = [0, y + 1];
  }
}
