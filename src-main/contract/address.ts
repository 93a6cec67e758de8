/**
 * Addresses of what is not a call: pixels and typed arrays. One place, so that engine and renderer cannot disagree.
 * Everything of a workspace lies under `/w/<workspace id>/`, which is also how one engine hands a request on to another.
 */

export const workspacePath = (workspaceId: string) => `/w/${workspaceId}`;
export const trpcPath = '/trpc';
/** The page sends it with every call; no form, link or image of another page can. */
export const pageHeader = 'x-winnow';
/** Asked by another process: does this engine have the workspace open? JSON: `{ state }`. */
export const alivePath = (workspaceId: string) => `/alive?workspace=${workspaceId}`;
/** A stream with a beat every few seconds for as long as the engine has the workspace. A client's end is waited for. */
export const attachPath = (workspaceId: string, client: boolean) =>
  `${workspacePath(workspaceId)}/attach?guest=${Number(client)}`;

/** JPEG of at most 256 px, named by content: never changes. */
export const thumbPath = (workspaceId: string, sha256: string) =>
  `${workspacePath(workspaceId)}/media/thumb/${sha256}.jpg`;
/** The original file, or a WebP of it where a browser cannot show the original. */
export const originalPath = (workspaceId: string, sampleId: number, sha256: string) =>
  `${workspacePath(workspaceId)}/media/original/${sampleId}?v=${sha256.slice(0, 12)}`;
/** What a run made of a sample, as lossless WebP at the run's input size. */
export const reconstructionPath = (workspaceId: string, runId: string, sampleId: number) =>
  `${workspacePath(workspaceId)}/media/reconstruction/${runId}/${sampleId}.webp`;
/** Little-endian Float32: width, height, then width × height errors, row by row. */
export const errorMapPath = (workspaceId: string, runId: string, sampleId: number) =>
  `${workspacePath(workspaceId)}/media/map/${runId}/${sampleId}`;
/** Little-endian Float64 by sample id; NaN where there is no value. */
export const columnPath = (workspaceId: string, name: string, revision: number) =>
  `${workspacePath(workspaceId)}/columns/${encodeURIComponent(name)}?r=${revision}`;
/** A tile of a preview, as lossless WebP of the size that training sees. */
export const previewPath = (workspaceId: string, previewId: string, tile: number) =>
  `${workspacePath(workspaceId)}/media/preview/${previewId}/${tile}.webp`;
/** Int32: images, classes, then each image's id; then Float32 probabilities, image by image, in the order of the run's classes. */
export const predictionsPath = (workspaceId: string, runId: string) =>
  `${workspacePath(workspaceId)}/predictions/${runId}`;
