/** Logic of the dialogs: a key belongs to one command, and the export settings are what the engine receives. */
import { describe, expect, test } from 'vitest';
import { exportSchema } from '../../src-main/contract/schemas.ts';
import { problemOf, newForm, placements, requestOf } from '../../src-renderer/lib/export-form.ts';
import { assignKey, actionWithKey, resetKeys, type Chosen, type Keyed } from '../../src-renderer/lib/rebind.ts';

const keep: Keyed = { id: 'keep', keys: ['p', 'k'] };
const reject: Keyed = { id: 'reject', keys: ['x'] };
const clear: Keyed = { id: 'clear', keys: ['backspace', 'delete'] };
const actions = [keep, reject, clear];
const apply = (chosen: Chosen, changes: Record<string, readonly string[] | null>): Chosen => {
  const next: Record<string, readonly string[]> = { ...chosen };
  for (const [id, keys] of Object.entries(changes)) {
    if (keys) next[id] = keys;
    else delete next[id];
  }
  return next;
};
/** The commands of each key: at most one, otherwise a key would do something that the dialog does not show. */
const commandsByKey = (chosen: Chosen) =>
  ['p', 'k', 'x', 'backspace', 'delete', 'j'].map((key) => {
    const all = actions.filter((action) => (chosen[action.id] ?? action.keys).includes(key));
    expect(all.length).toBeLessThan(2);
    expect(actionWithKey(key, actions, chosen)).toBe(all[0]);
    return `${key} ${all[0]?.id ?? '-'}`;
  });

describe('keys', () => {
  test('a free key replaces the previous one', () => {
    const chosen = apply({}, assignKey('j', keep, 'p', actions, {}));
    expect(chosen).toEqual({ keep: ['j', 'k'] });
    expect(commandsByKey(chosen)).toEqual(['p -', 'k keep', 'x reject', 'backspace clear', 'delete clear', 'j keep']);
  });

  test('a key in use moves to the new command, and returns when the former command is reset', () => {
    const chosen = apply({}, assignKey('x', keep, null, actions, {}));
    expect(chosen).toEqual({ keep: ['p', 'k', 'x'], reject: [] });
    expect(commandsByKey(chosen)).toContain('x keep');
    const back = apply(chosen, resetKeys(reject, actions, chosen));
    expect(back).toEqual({ keep: ['p', 'k'] });
    expect(commandsByKey(back)).toContain('x reject');
  });

  test('a key that the command already has is not added twice', () => {
    expect(apply({}, assignKey('k', keep, 'p', actions, {}))).toEqual({ keep: ['k'] });
    expect(apply({}, assignKey('p', keep, 'p', actions, {}))).toEqual({ keep: ['p', 'k'] });
    expect(apply({}, assignKey('delete', clear, null, actions, {}))).toEqual({ clear: ['backspace', 'delete'] });
  });

  test('reassigned keys override the defaults', () => {
    expect(actionWithKey('x', actions, { keep: ['x'] })?.id).toBe('keep');
  });
});

describe('export settings', () => {
  const form = (some: Partial<ReturnType<typeof newForm>> = {}) => ({ ...newForm('/photos/'), ...some });

  test('have the defaults of the contract', () => {
    expect(requestOf(form())).toEqual(exportSchema.omit({ confirmMove: true }).parse({ to: '/photos-cleaned' }));
  });

  test('take fractions relative to their sum', () => {
    expect(requestOf(form({ splits: 'usual' })).splits).toEqual({ train: 0.8, val: 0.1, test: 0.1 });
    expect(requestOf(form({ splits: 'own', shares: { train: 3, val: 1, test: null } })).splits).toEqual({
      train: 0.75,
      val: 0.25,
      test: 0,
    });
    expect(requestOf(form({ splits: 'own', shares: { train: -5, val: 1, test: 1 } })).splits).toEqual({
      train: 0,
      val: 0.5,
      test: 0.5,
    });
    expect(requestOf(form({ splits: 'off', shares: { train: 3, val: 1, test: 1 } })).splits).toBeNull();
  });

  test('use an expression only if the option is on and the expression is valid', () => {
    expect(requestOf(form({ drop: 'width < 20' })).drop).toBeNull();
    expect(requestOf(form({ drops: true, drop: '  ' })).drop).toBeNull();
    expect(requestOf(form({ drops: true, drop: ' width < 20 ' })).drop).toBe('width < 20');
  });

  test('report invalid values', () => {
    expect(problemOf(form())).toBeNull();
    expect(problemOf(form({ to: ' ' }))).toContain('folder');
    expect(problemOf(form({ splits: 'own', shares: { train: 0, val: null, test: 0 } }))).toContain('split');
    for (const seed of [null, 1.5, -1, 2 ** 31]) expect(problemOf(form({ splits: 'usual', seed }))).toContain('seed');
  });

  test('offer every placement of the contract', () => {
    for (const { id } of placements) expect(exportSchema.parse(requestOf(form({ place: id }))).place).toBe(id);
    expect(placements.map(({ id }) => id).sort()).toEqual([...exportSchema.shape.place.unwrap().options].sort());
  });
});
