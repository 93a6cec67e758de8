/** What is said of damaged files: no variables of the program and no bytes that are no text. */
import { expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openImage } from '../../src-main/image/decode.ts';
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
  expect(await refusal(bytes, 'a.exr')).toEqual({
    code: 'corrupt',
    message: 'The image data is damaged (its structure is invalid).',
  });
});

test('bytes of the file that are no text are not in the message', async () => {
  const bytes = fixture('gray8.dcm');
  const at = bytes.indexOf('1.2.840.10008.1.2', bytes.indexOf(Buffer.of(2, 0, 0x10, 0)));
  bytes.set([0xff, 0x07, 0x1b], at + 8);
  const refused = await refusal(bytes, 'a.dcm');
  expect(refused?.message).toMatch(/^Winnow does not read DICOM files with the transfer syntax 1\.2\.840\./);
  expect(refused?.message).not.toMatch(/\p{C}/u);
});
