/**
 * The components that a machine may lack, in the order of installation. To add one, add a file and list it here.
 */
import { browser } from './browser.mjs';
import { display } from './display.mjs';
import { electron } from './electron.mjs';
import { kernels } from './kernels.mjs';
import { native } from './native.mjs';
import { node } from './node.mjs';
import { renderer } from './renderer.mjs';
import { screen } from './screen.mjs';
import { tensorflow } from './tensorflow.mjs';
import { tracer } from './tracer.mjs';

/**
 * @typedef {'ready' | 'missing' | 'broken' | 'optional'} State
 * @typedef {{ state: State, version: string | null, detail: string }} Finding
 * @typedef {{ log: typeof import('../progress.mjs').log, progress: typeof import('../progress.mjs').progress }} Say
 * @typedef {object} Piece
 * @property {string} id
 * @property {string} title name for users
 * @property {boolean} essential whether commands that need it fail without it
 * @property {string} mend a command that installs it
 * @property {() => Promise<Finding>} check fast, silent, changes nothing
 * @property {(say: Say) => Promise<void>} provide throws an Error with a one-line message on failure
 */

/** @type {Piece[]} */
export const pieces = [node, native, tensorflow, kernels, electron, display, screen, browser, tracer, renderer];
