/**
 * Implements `electron <folder>` for an Electron without a default app. This file is copied to its resources/app; it finds
 * the app's folder in the arguments, sets the app's name and loads its main file. Like Electron's own command line, it
 * supports `-r <file>`.
 */
import { app } from 'electron';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const preloads = [];
let folder = null;
const args = process.argv.slice(1);
for (let index = 0; index < args.length && folder === null; index++) {
  if (args[index] === '-r' || args[index] === '--require') preloads.push(args[++index]);
  else if (!args[index].startsWith('-')) folder = resolve(args[index]);
}

if (folder === null) {
  process.stderr.write('electron: no app folder was given\n');
  app.exit(2);
} else {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  app.setName(manifest.productName ?? manifest.name);
  app.setPath('userData', join(app.getPath('appData'), app.getName()));
  // Electron's default app calls these two methods, which are missing in the published types.
  const inner = /** @type {any} */ (app);
  inner.setVersion(manifest.version ?? '0.0.0');
  inner.setAppPath(folder);
  const require = createRequire(join(folder, 'package.json'));
  for (const path of preloads) require(path);
  await import(pathToFileURL(join(folder, manifest.main ?? 'index.js')).href);
}
