/**
 * What `electron <folder>` does, for the Electron that has no default app of its own: it is copied into that
 * Electron's resources/app, finds the app's folder among the arguments, gives the app its name and starts its main
 * file. `-r <file>` is honoured too, as Electron's own command line does.
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
  process.stderr.write('electron: no folder of an app was given\n');
  app.exit(2);
} else {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  app.setName(manifest.productName ?? manifest.name);
  app.setPath('userData', join(app.getPath('appData'), app.getName()));
  // Electron's own default app calls these two, though they are not in its published types.
  const inner = /** @type {any} */ (app);
  inner.setVersion(manifest.version ?? '0.0.0');
  inner.setAppPath(folder);
  const require = createRequire(join(folder, 'package.json'));
  for (const path of preloads) require(path);
  await import(pathToFileURL(join(folder, manifest.main ?? 'index.js')).href);
}
