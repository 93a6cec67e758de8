/**
 * The proof of `watch`: files dropped into a folder at random times, in parts with pauses, renamed into place, over others, in new folders, and broken. Counts files without a
 * line, with too many, and with another score than that of the final content, and measures the time from a complete file to its line, and memory. Run it as
 *
 *   npm run bench -- watch [--files 500] [--seconds 30] [--method pca] [--seed 1]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
