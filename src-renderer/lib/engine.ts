/** The page's connection to the engine: typed calls to the page's own origin, in the window (`app://`) and in a browser. */
import {
  createTRPCClient,
  httpBatchLink,
  httpSubscriptionLink,
  splitLink,
  TRPCClientError,
  type TRPCClient,
} from '@trpc/client';
import { pageHeader, trpcPath, workspacePath } from '../../src-main/contract/address.ts';
import type { Router } from '../../src-main/contract/router.ts';
import type { Shell } from '../../src-main/contract/shell.ts';

export type Calls = TRPCClient<Router>;

const connect = (path: string): Calls => {
  const url = `${location.origin}${path}`;
  return createTRPCClient<Router>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: httpSubscriptionLink({ url }),
        // Large queries use POST, since the length of an address is limited.
        false: httpBatchLink({ url, methodOverride: 'POST', headers: { [pageHeader]: '1' } }),
      }),
    ],
  });
};

export const engine = connect(trpcPath);
export const connectWorkspace = (id: string): Calls => connect(workspacePath(id) + trpcPath);

/** Set in the desktop window only. */
export const shell: Shell | undefined = (window as { shell?: Shell }).shell;

/** The error message for the user. */
export const messageOf = (error: unknown): string => {
  if (error instanceof TRPCClientError && !error.data)
    return 'The engine does not respond and is being restarted. Try again.';
  return error instanceof Error ? error.message : String(error);
};

export const codeOf = (error: unknown): string | null =>
  error instanceof TRPCClientError ? ((error.data as { winnow?: string } | undefined)?.winnow ?? null) : null;

/** The engine is not running, or has restarted and has not opened the folder yet. */
const awayCodes: readonly (string | null)[] = [null, 'no-workspace', 'engine-gone'];
/** The engine is there, but cannot write now. */
const unwritableCodes: readonly (string | null)[] = ['disk-full', 'target-unwritable', 'workspace-busy', 'cancelled'];
/** How to retry a write after an error: `later`, when the engine responds again; `again`, unchanged; or `never`. */
export const retryOf = (error: unknown): 'later' | 'again' | 'never' =>
  awayCodes.includes(codeOf(error)) ? 'later' : unwritableCodes.includes(codeOf(error)) ? 'again' : 'never';
