/**
 * ESLint: the rules that the type check cannot hold. A promise that nobody awaits and a promise where none is expected
 * are errors; those that are meant say `void`. Layout is Prettier's. Rules that ask for types read one program, of
 * TypeScript's files: to lint a .svelte file with types, its program would be made anew, which takes a minute.
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
  { languageOptions: { globals: { ...globals.node, ...globals.browser } } },
  {
    files: ['{src-main,src-renderer,test}/**/*.{ts,mjs}'],
    ignores: ['**/*.svelte.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
    },
  },
  { files: ['**/*.svelte', '**/*.svelte.ts'], languageOptions: { parserOptions: { parser: ts.parser } } },
);
