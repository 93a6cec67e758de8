/** Pixels are URLs, numbers are typed arrays: what `contract/address.ts` names, read from the workspace. */
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { makePreview, openImage } from '../image/decode.ts';
import { encodeRgb } from '../image/encode.ts';
import { browserFormats, mediaTypes, type Format } from '../image/format.ts';
import { mapOf } from '../workspace/maps.ts';
import { remakeThumb, thumbFile } from '../image/read.ts';
import type { OpenWorkspace } from '../workspace/workspace.ts';

const forever = 'private, max-age=31536000, immutable';
const previewSidePx = 4096;
/** An image opened by itself must not run anything (SVG). */
const sandbox = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

type Answer = (workspace: OpenWorkspace, parts: string[], response: ServerResponse) => Promise<void> | void;

const answers: Record<string, Answer> = {
  'media/thumb': async (workspace, [name], response) => {
    const sha256 = /^([0-9a-f]{64})\.jpg$/.exec(name)?.[1];
    if (!sha256) throw new WinnowError('no-samples', 'There is no such thumbnail.');
    let file = thumbFile(workspace.workspaceFolder, sha256);
    if (!existsSync(file)) {
      const sample = workspace.table.sampleOf(sha256);
      if (!sample) throw new WinnowError('no-samples', 'There is no such thumbnail.');
      file = await remakeThumb(workspace.folder, workspace.workspaceFolder, sample);
    }
    send(response, 'image/jpeg');
    createReadStream(file).on('error', () => response.destroy()).pipe(response);
  },
  'media/original': async (workspace, [id], response) => {
    const sample = workspace.table.sample(Number(id));
    if (!sample) throw new WinnowError('no-samples', 'There is no such image in this folder any more.');
    const file = join(workspace.folder, sample.path);
    if (browserFormats.has(sample.format) && existsSync(file)) {
      send(response, mediaTypes[sample.format as Format] as string);
      createReadStream(file).on('error', () => response.destroy()).pipe(response);
      return;
    }
    const preview = await makePreview(await openImage(await readFile(file), sample.path), previewSidePx);
    send(response, 'image/webp').end(preview);
  },
  'media/reconstruction': async (workspace, [runId, name], response) => {
    const { reconstruction, sizePx } = await mapOf(workspace, workspace.run(runId), Number.parseInt(name, 10));
    send(response, 'image/webp').end(await encodeRgb(reconstruction, sizePx, sizePx));
  },
  'media/map': async (workspace, [runId, id], response) => {
    const { map, sizePx } = await mapOf(workspace, workspace.run(runId), Number(id));
    send(response, 'application/octet-stream').write(bytesOf(Float32Array.of(sizePx, sizePx)));
    response.end(bytesOf(map));
  },
  'media/preview': async (workspace, [id, name], response) => {
    const { bytes, sizePx } = workspace.previews.tile(id, Number.parseInt(name, 10));
    send(response, 'image/webp').end(await encodeRgb(bytes, sizePx, sizePx));
  },
  'predictions': (workspace, [runId], response) => {
    const { ids, classes, probabilities } = workspace.predictions(runId);
    send(response, 'application/octet-stream').write(bytesOf(Int32Array.of(ids.length, classes.length, ...ids)));
    response.end(bytesOf(probabilities));
  },
  'columns': (workspace, [name], response) => {
    send(response, 'application/octet-stream').end(bytesOf(workspace.table.values(decodeURIComponent(name))));
  },
};

/** `path` is what follows the workspace in the address. */
export async function serveMedia(workspace: OpenWorkspace, path: string, response: ServerResponse): Promise<void> {
  const parts = path.split('/').filter(Boolean);
  const take = parts[0] === 'media' ? 2 : 1;
  const answer = answers[parts.slice(0, take).join('/')];
  if (!answer || parts.length === take) throw new WinnowError('no-samples', 'There is nothing at this address.');
  await answer(workspace, parts.slice(take), response);
}

const send = (response: ServerResponse, type: string) =>
  response.writeHead(200, { 'content-type': type, 'cache-control': forever, 'content-security-policy': sandbox, 'x-content-type-options': 'nosniff' });

const bytesOf = (numbers: Float32Array | Float64Array | Int32Array) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
