/**
 * Which components a command needs and what to run afterwards. Pure functions, so that they can be tested without setup.
 */

/**
 * @typedef {object} Plan
 * @property {'window' | 'cli' | 'setup' | 'test' | 'bench' | 'check' | 'package'} kind
 * @property {string[]} pieces by id
 * @property {string[]} args arguments of the started program
 */

const everyPiece = [
  'node',
  'native',
  'tensorflow',
  'kernels',
  'electron',
  'display',
  'screen',
  'browser',
  'tracer',
  'renderer',
];
const withoutNetworks = [
  'show',
  'decide',
  'tag',
  'label',
  'note',
  'undo',
  'redo',
  'history',
  'script',
  'import',
  'views',
  'checks',
  'duplicates',
  'export',
  'runs',
];
const piecesOf = /** @type {Record<string, string[]>} */ ({
  window: ['node', 'native', 'tensorflow', 'kernels', 'electron', 'display', 'renderer'],
  serve: ['node', 'native', 'tensorflow', 'kernels', 'renderer'],
  doctor: ['node'],
  ...Object.fromEntries(withoutNetworks.map((command) => [command, ['node']])),
  scan: ['node', 'native'],
});
const commandLinePieces = ['node', 'native', 'tensorflow', 'kernels'];

/**
 * @param {string} task start, test, bench, check, package
 * @param {string[]} args @param {{ display: boolean }} machine
 * @returns {Plan | null} null for an unknown task
 */
export function planOf(task, args, { display }) {
  const [command = '', ...rest] = args;
  switch (task) {
    case 'start':
      return planStart(command, rest, args, display);
    case 'test':
      return { kind: 'test', pieces: piecesOfTests(command), args };
    case 'bench':
      return {
        kind: 'bench',
        pieces: ['crowd', 'schedules'].includes(command)
          ? [...commandLinePieces, 'browser', 'renderer']
          : commandLinePieces,
        args,
      };
    case 'check':
      return { kind: 'check', pieces: ['node'], args };
    case 'package':
      return { kind: 'package', pieces: ['node', 'native', 'tensorflow', 'kernels', 'renderer'], args };
    default:
      return null;
  }
}

/** @returns {Plan} */
function planStart(
  /** @type {string} */ command,
  /** @type {string[]} */ rest,
  /** @type {string[]} */ args,
  /** @type {boolean} */ display,
) {
  const asksForHelp = rest.includes('--help') || rest.includes('-h');
  if (command === 'setup') return { kind: 'setup', pieces: piecesFor(rest[0] ?? 'window'), args: rest };
  if ((command === '' || command === 'open') && !asksForHelp) {
    if (display) return { kind: 'window', pieces: piecesOf.window, args: rest };
    return { kind: 'cli', pieces: piecesOf.serve, args: ['serve', ...rest] };
  }
  if (asksForHelp || command.startsWith('-')) return { kind: 'cli', pieces: ['node'], args };
  return { kind: 'cli', pieces: piecesOf[command] ?? commandLinePieces, args };
}

/** @returns {string[]} for `setup <what>`: a command, `window`, `test`, `everything` or one piece */
export function piecesFor(/** @type {string} */ what) {
  if (what === 'test' || what === 'everything') return everyPiece;
  if (everyPiece.includes(what))
    return what === 'display'
      ? ['node', 'electron', 'display']
      : ['node', what].filter((id, index, all) => all.indexOf(id) === index);
  return piecesOf[what] ?? commandLinePieces;
}

/** @returns {string[]} */
function piecesOfTests(/** @type {string} */ part) {
  if (part === 'types' || part === 'checks') return ['node'];
  return part === 'unit' ? ['node', 'native', 'tensorflow', 'kernels', 'electron', 'display'] : everyPiece;
}
