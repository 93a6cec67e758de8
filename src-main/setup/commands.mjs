/**
 * Which pieces a command needs, and what then runs: pure, so that it can be tested without setting anything up.
 */

/**
 * @typedef {object} Plan
 * @property {'window' | 'cli' | 'setup' | 'test' | 'bench' | 'check' | 'package'} kind
 * @property {string[]} pieces by id
 * @property {string[]} args what the started program gets
 */

const everyPiece = ['node', 'tensorflow', 'kernels', 'electron', 'display', 'screen', 'browser', 'tracer', 'renderer'];
const withoutNetworks = [
  'scan',
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
  window: ['node', 'tensorflow', 'kernels', 'electron', 'display', 'renderer'],
  serve: ['node', 'tensorflow', 'kernels', 'renderer'],
  doctor: ['node'],
  ...Object.fromEntries(withoutNetworks.map((command) => [command, ['node']])),
});
const commandLinePieces = ['node', 'tensorflow', 'kernels'];

/**
 * @param {string} task start, test, bench, check, package
 * @param {string[]} args @param {{ display: boolean }} machine
 * @returns {Plan | null} null when there is no such task
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
      return { kind: 'package', pieces: ['node', 'tensorflow', 'kernels', 'renderer'], args };
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
  return part === 'unit' ? ['node', 'tensorflow', 'kernels', 'electron', 'display'] : everyPiece;
}
