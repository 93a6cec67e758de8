/**
 * The pieces that a machine may lack, as an explicit list: adding one is one new file and one word here. Their order
 * is the order in which they are provided.
 */
import { browser } from './browser.mjs';
import { display } from './display.mjs';
import { electron } from './electron.mjs';
import { kernels } from './kernels.mjs';
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
 * @property {string} title what a person calls it
 * @property {boolean} essential whether a command that names it cannot go on without
 * @property {string} mend one command that provides it
 * @property {() => Promise<Finding>} check quick, quiet, changes nothing
 * @property {(say: Say) => Promise<void>} provide throws one sentence when it cannot
 */

/** @type {Piece[]} */
export const pieces = [node, tensorflow, kernels, electron, display, screen, browser, tracer, renderer];
