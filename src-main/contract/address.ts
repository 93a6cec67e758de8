/**
 * HTTP paths of pixels and typed arrays, which are not calls. Engine and renderer share them.
 * Everything of a workspace is under `/w/<workspace id>/`; this is also how one engine forwards a request to another.
 */
import type { Sample } from './types.ts';

export const workspacePath = (workspaceId: string) => `/w/${workspaceId}`;
export const trpcPath = '/trpc';
/** The page sends this header with every call. A form, link or image of another page cannot (CSRF protection). */
export const pageHeader = 'x-winnow';
/** Another process asks whether this engine has the workspace open. JSON: `{ state }`. */
export const alivePath = (workspaceId: string) => `/alive?workspace=${workspaceId}`;
/** A stream with a heartbeat every few seconds for as long as the engine has the workspace open. The engine waits for its clients before it closes. */
export const attachPath = (workspaceId: string, client: boolean) =>
  `${workspacePath(workspaceId)}/attach?guest=${Number(client)}`;

/** JPEG of at most 256 px, named by content hash and rendering. */
export const thumbPath = (workspaceId: string, { sha256, rendering }: Pick<Sample, 'sha256' | 'rendering'>) =>
  `${workspacePath(workspaceId)}/media/thumb/${sha256}.jpg${rendering === null ? '' : `?r=${rendering}`}`;
/** The original file, or a WebP of it if browsers cannot show the format. */
export const originalPath = (
  workspaceId: string,
  { id, sha256, rendering }: Pick<Sample, 'id' | 'sha256' | 'rendering'>,
) =>
  `${workspacePath(workspaceId)}/media/original/${id}?v=${sha256.slice(0, 12)}${rendering === null ? '' : `-${rendering}`}`;
/** A run's reconstruction of a sample, as lossless WebP at the run's input size. */
export const reconstructionPath = (workspaceId: string, runId: string, sampleId: number) =>
  `${workspacePath(workspaceId)}/media/reconstruction/${runId}/${sampleId}.webp`;
/** Little-endian Float32: width, height, then width × height errors, row by row. */
export const errorMapPath = (workspaceId: string, runId: string, sampleId: number) =>
  `${workspacePath(workspaceId)}/media/map/${runId}/${sampleId}`;
/** Little-endian Float64 by sample id; NaN means no value. */
export const columnPath = (workspaceId: string, name: string, revision: number) =>
  `${workspacePath(workspaceId)}/columns/${encodeURIComponent(name)}?r=${revision}`;
/** A tile of a preview, as lossless WebP at the input size of training. */
export const previewPath = (workspaceId: string, previewId: string, tile: number) =>
  `${workspacePath(workspaceId)}/media/preview/${previewId}/${tile}.webp`;
/** Int32: number of images, number of classes, image ids; then Float32 probabilities, row-major [images, classes], in the order of the run's classes. */
export const predictionsPath = (workspaceId: string, runId: string) =>
  `${workspacePath(workspaceId)}/predictions/${runId}`;
/** Frames of `arrays.ts` that answer a call of `insideProcedures`. */
export const insidePath = (workspaceId: string, name: string, request: unknown) =>
  `${workspacePath(workspaceId)}/inside/${name}/${encodeURIComponent(JSON.stringify(request))}`;
