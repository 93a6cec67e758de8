/** Serves pixels and typed arrays of a workspace at the paths of `contract/address.ts`. Everything that can fail happens before the response starts. */
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { WinnowError } from '../contract/errors.ts';
import type { Sample } from '../contract/types.ts';
import { readRegular } from '../file/open.ts';
import { makePreview } from '../image/decode.ts';
import { encodeRgb } from '../image/encode.ts';
import { browserFormats, formats, type Format } from '../image/format.ts';
import { issueOf } from '../image/issue.ts';
import { remakeThumb } from '../image/remake-thumb.ts';
import { thumbFile } from '../image/thumb-file.ts';
import { openScanned, withBytes, withImage } from '../image/scanned.ts';
import type { OpenWorkspace } from '../engine/open-workspace.ts';
import { mapOf, reconstructionOf } from '../jobs/maps.ts';
import { knownProbabilities } from '../workspace/predictions.ts';

const forever = 'private, max-age=31536000, immutable';
/** The pixels of some images change with the rendering of the folder, their addresses do not. */
const untilAsked = 'private, no-cache';
const previewSidePx = 4096;
const maxThumbBytes = 2 ** 24;
/** Larger originals are streamed. */
const maxBufferedBytes = 64 * 2 ** 20;
/** An SVG that is opened as a page must not run scripts. */
const sandbox = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

type Answer = (workspace: OpenWorkspace, parts: string[], response: ServerResponse) => Promise<void> | void;

const answers = new Map<string, Answer>(
  Object.entries({
    'media/thumb': async (workspace, [name], response) => {
      const sha256 = /^([0-9a-f]{64})\.jpg$/.exec(name)?.[1];
      if (!sha256) throw nothing('thumbnail');
      const bytes = await readRegular(thumbFile(workspace.workspaceFolder, sha256), maxThumbBytes).catch(() => {
        const sample = workspace.table.copies(sha256).at(0);
        if (!sample) throw nothing('thumbnail');
        return ofFile(sample, remakeThumb(workspace.folder, workspace.workspaceFolder, sample));
      });
      const isRendered = workspace.table.copies(sha256).some(({ rendering }) => rendering !== null);
      sendFor(isRendered ? untilAsked : forever, response, 'image/jpeg', bytes);
    },
    'media/original': async (workspace, [id], response) => {
      const sample = workspace.table.sample(Number(id));
      if (!sample) throw nothing('image');
      if (!browserFormats.has(sample.format)) {
        return sendFor(
          sample.rendering !== null ? untilAsked : forever,
          response,
          'image/webp',
          await ofFile(
            sample,
            withImage(workspace.folder, sample, (image) => makePreview(image, previewSidePx)),
          ),
        );
      }
      const type = formats[sample.format as Format].media as string;
      if (sample.bytes <= maxBufferedBytes)
        return send(
          response,
          type,
          await ofFile(
            sample,
            withBytes(workspace.folder, sample, (bytes) => Promise.resolve(bytes)),
          ),
        );
      const stream = (await ofFile(sample, openScanned(workspace.folder, sample))).createReadStream({ start: 0 });
      begin(response, type, sample.bytes);
      await pipeline(stream, response).catch(() => response.destroy()); // the client has disconnected, or the disk failed
    },
    'media/reconstruction': async (workspace, [runId, name], response) => {
      const run = workspace.runs.get(runId);
      const { reconstruction, sizePx } = await reconstructionOf(workspace, run, Number.parseInt(name, 10));
      send(response, 'image/webp', await encodeRgb(reconstruction, sizePx, sizePx));
    },
    'media/map': async (workspace, [runId, id], response) => {
      const { map, rows, columns } = await mapOf(workspace, workspace.runs.get(runId), Number(id));
      send(response, 'application/octet-stream', bytesOf(Float32Array.of(columns, rows)), bytesOf(map));
    },
    'media/preview': async (workspace, [id, name], response) => {
      const { bytes, sizePx } = workspace.previews.tile(id, Number.parseInt(name, 10));
      send(response, 'image/webp', await encodeRgb(bytes, sizePx, sizePx));
    },
    predictions: (workspace, [runId], response) => {
      const { samples, classes, probabilities } = knownProbabilities(workspace, workspace.runs.get(runId).id);
      send(
        response,
        'application/octet-stream',
        bytesOf(Int32Array.of(samples.length, classes.length)),
        bytesOf(Int32Array.from(samples, ({ id }) => id)),
        bytesOf(probabilities),
      );
    },
    columns: (workspace, [name], response) =>
      send(response, 'application/octet-stream', bytesOf(workspace.table.values(name))),
  } satisfies Record<string, Answer>),
);

/** `path` is what follows the workspace in the address. Throws WinnowError. */
export async function serveMedia(workspace: OpenWorkspace, path: string, response: ServerResponse): Promise<void> {
  let parts: string[];
  try {
    parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    const body = JSON.stringify({ code: 'bad-request', message: 'The address is malformed.' });
    response.writeHead(400, { 'content-type': 'application/json' }).end(body);
    return;
  }
  const take = parts[0] === 'media' ? 2 : 1;
  const answer = answers.get(parts.slice(0, take).join('/'));
  if (!answer || parts.length === take) throw new WinnowError('no-samples', 'There is nothing at this address.');
  await answer(workspace, parts.slice(take), response);
}

const nothing = (what: string) => new WinnowError('no-samples', `There is no such ${what} in this folder any more.`);

/** Reports an unreadable file with the message of its issue. */
async function ofFile<Result>({ path }: Sample, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw new WinnowError('no-samples', `${path}: ${issueOf(path, error).issue.message}`);
  }
}

const begin = (response: ServerResponse, type: string, bytes: number, cache = forever) =>
  response.writeHead(200, {
    'content-type': type,
    'content-length': bytes,
    'cache-control': cache,
    'content-security-policy': sandbox,
    'x-content-type-options': 'nosniff',
  });

const send = (response: ServerResponse, type: string, ...parts: Uint8Array[]): void =>
  sendFor(forever, response, type, ...parts);

function sendFor(cache: string, response: ServerResponse, type: string, ...parts: Uint8Array[]): void {
  begin(
    response,
    type,
    parts.reduce((sum, part) => sum + part.length, 0),
    cache,
  );
  for (const part of parts) response.write(part);
  response.end();
}

const bytesOf = (numbers: Float32Array | Float64Array | Int32Array) =>
  Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
