/** What is said of damaged files: our own words, no text of a library, no variables of the program and no bytes that are no text. */
import { expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openImage, takePixels } from '../../src-main/image/decode.ts';
import { issueOf } from '../../src-main/image/issue.ts';
import { formatOfBytes, formats, sniffBytes, type Format } from '../../src-main/image/format.ts';
import { random } from '../../src-main/compute/random.ts';
import { fuzzSources, isForeign } from '../fixtures/fuzz.ts';
import { root } from '../fixtures/processes.ts';

const fixture = (name: string) => readFileSync(join(root, 'test', 'fixtures', 'formats', name));
const refusal = (bytes: Buffer, name: string) =>
  openImage(bytes, name).then(
    () => null,
    ({ code, message }: { code: string; message: string }) => ({ code, message }),
  );

test('a header with an attribute of unknown type is damage in words', async () => {
  const bytes = fixture('none-half.exr');
  bytes[bytes.indexOf('box2i') + 2] ^= 1;
  expect(await refusal(bytes, 'a.exr')).toEqual({ code: 'corrupt', message: 'The image data is damaged.' });
});

test('bytes of the file that are no text are not in the message', async () => {
  const bytes = fixture('gray8.dcm');
  const at = bytes.indexOf('1.2.840.10008.1.2', bytes.indexOf(Buffer.of(2, 0, 0x10, 0)));
  bytes.set([0xff, 0x07, 0x1b], at + 8);
  expect(await refusal(bytes, 'a.dcm')).toEqual({
    code: 'corrupt',
    message: 'The image data is damaged (its transfer syntax is not valid).',
  });
});

test('isForeign knows texts of libraries from ours', () => {
  for (const text of ['LERC: lerc-decode: error code is 3', 'incorrect data check', 'HUF_ENCSIZE', 'unexpected EOF'])
    expect(isForeign(`corrupt: The image data is damaged (${text}).`), text).toBe(true);
  for (const text of [
    'it has 5 bits per pixel',
    'a palette of 70000 colours',
    'the checksum of its IDAT part is wrong',
  ])
    expect(isForeign(`corrupt: The image data is damaged (${text}).`), text).toBe(false);
});

/** Bytes that are changed, set to zero or cut out after the first 60, where most formats have their data. */
function damage(file: Buffer, next: () => number): Buffer {
  const [at, kind] = [Math.floor(Math.min(60, file.length / 2) + next() * (file.length - 60)), Math.floor(next() * 3)];
  if (kind === 0) return Buffer.concat([file.subarray(0, at), file.subarray(at + 1 + Math.floor(next() * 20))]);
  const bytes = Buffer.from(file);
  for (let i = at; i < Math.min(at + 8, bytes.length); i++) bytes[i] = kind === 1 ? 0 : Math.floor(next() * 256);
  return bytes;
}

const filesOf = Map.groupBy(fuzzSources(), ({ bytes }) => formatOfBytes(bytes.subarray(0, sniffBytes)) ?? 'tga');
/** Those with a decoder of our own; a camera raw file is read as TIFF or JPEG. */
const own = (Object.keys(formats) as Format[]).filter(
  (format) => format === 'tiff' || (formats[format].decoder === 'worker' && format !== 'raw'),
);

test.each(own)('%s', { timeout: 120_000 }, async (format) => {
  const sources = filesOf.get(format) ?? [];
  expect(sources).not.toEqual([]);
  const next = random('damage', format);
  const said: string[] = [];
  for (let i = 0; i < 40; i++) {
    const { bytes, name } = sources[i % sources.length];
    await openImage(damage(bytes, next), name)
      .then((image) => takePixels(image, (pixels) => pixels.resize(16, 16, { fit: 'fill' })))
      .catch((error: unknown) => {
        const { code, message } = issueOf(name, error).issue;
        said.push(`${code}: ${message}`);
      });
  }
  expect(said.filter(isForeign)).toEqual([]);
  if (format !== 'qoi') expect(said.length).toBeGreaterThan(0); // any bytes are a QOI
});
