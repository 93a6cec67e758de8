/**
 * ESLint: the rules that the type check cannot enforce. A promise that nobody awaits, and a promise where none is expected, are errors; intended ones are
 * marked with `void`. Layout is Prettier's job. The rules that need types use one TypeScript program, which covers .ts, .mjs and .svelte.ts files: linting
 * .svelte files with types would build that program again and take a minute.
 */
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['dist/', 'out/', 'node_modules/'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
    rules: {
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      'no-empty': ['error', { allowEmptyCatch: true }],
      'no-undef': 'off', // the type check knows
      'no-control-regex': 'off', // file names are searched for control characters
      'svelte/prefer-svelte-reactivity': 'off', // state is replaced, not changed in place: plain Map and Set are intended
    },
  },
  { files: ['**/*.svelte', '**/*.svelte.ts'], languageOptions: { parserOptions: { parser: ts.parser } } },
  {
    files: ['{src-main,src-renderer,test}/**/*.{ts,mjs}'],
    languageOptions: {
      parser: ts.parser,
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
    },
  },
);
