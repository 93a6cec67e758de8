/**
 * Room in memory for images being decoded. Most formats stream, but a progressive JPEG, an interlaced PNG, a WebP or an AVIF lies there
 * whole, and a few large ones at once would add up to gigabytes; so pixels in flight are counted, and who finds no room waits in turn.
 */
export const roomPixels = 150_000_000;

let room = roomPixels;
/** A thread's own share, where several read at once. */
export const setRoom = (pixels: number) => void (room = pixels);

let taken = 0;
const waiting: { pixels: number; go(): void }[] = [];

/** Runs `work` when there is room for `pixels`; what is larger than all room runs alone. */
export async function inRoom<Result>(pixels: number, work: () => Promise<Result>): Promise<Result> {
  const mine = Math.min(pixels, room);
  // Behind those who wait, also where there would be room: else a large one waits for ever.
  if (waiting.length || taken + mine > room) await new Promise<void>((go) => waiting.push({ pixels: mine, go }));
  else taken += mine;
  try {
    return await work();
  } finally {
    taken -= mine;
    while (waiting.length && taken + waiting[0].pixels <= room) {
      const next = waiting.shift() as (typeof waiting)[number];
      taken += next.pixels; // taken in its name, before another comes between
      next.go();
    }
  }
}
