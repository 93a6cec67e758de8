/**
 * The tRPC router, built from the table of procedures. Each procedure validates its input with zod and calls the engine's
 * implementation of the same name; errors are returned as a code and a message. Procedures of a workspace are served under the workspace's path.
 */
import {
  initTRPC,
  TRPCError,
  type TRPCMutationProcedure,
  type TRPCQueryProcedure,
  type TRPCSubscriptionProcedure,
} from '@trpc/server';
import { ZodError, type z } from 'zod';
import { explain, WinnowError } from './errors.ts';
import { RefusedRequest } from './problems.ts';
import {
  engineProcedures,
  workspaceProcedures,
  type EngineCalls,
  type Procedure,
  type WorkspaceCalls,
} from './procedures.ts';

export interface Context {
  engine: EngineCalls;
  /** Set if the path names a workspace. */
  workspace: WorkspaceCalls | null;
}

const t = initTRPC.context<Context>().create({
  errorFormatter: ({ shape, error }) => {
    const cause = error.cause instanceof ZodError ? new RefusedRequest(error.cause) : error.cause;
    const { code, message } = cause ? explain(cause) : { code: 'failed', message: error.message };
    const problems = cause instanceof RefusedRequest ? cause.problems : undefined;
    return { ...shape, message, data: { ...shape.data, stack: undefined, winnow: code, problems } };
  },
  sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 40_000 } },
});

/** A WinnowError is a fault of the request (400), not of the engine (500). */
const call = t.procedure.use(async ({ next }) => {
  const result = await next();
  if (!result.ok && result.error.cause instanceof WinnowError)
    throw new TRPCError({ code: 'BAD_REQUEST', message: result.error.message, cause: result.error.cause });
  return result;
});
const workspaceCall = call.use(({ ctx, next }) => {
  if (!ctx.workspace) {
    const cause = new WinnowError('no-workspace', 'No folder is open here. Open one first.');
    throw new TRPCError({ code: 'PRECONDITION_FAILED', message: cause.message, cause });
  }
  return next();
});

interface Types<Schema extends z.ZodType, Answer> {
  input: z.input<Schema>;
  output: Answer;
  meta: unknown;
}
type Built<P> =
  P extends Procedure<'query', infer Schema, infer Answer>
    ? TRPCQueryProcedure<Types<Schema, Answer>>
    : P extends Procedure<'mutation', infer Schema, infer Answer>
      ? TRPCMutationProcedure<Types<Schema, Answer>>
      : P extends Procedure<'subscription', infer Schema, infer Answer>
        ? TRPCSubscriptionProcedure<Types<Schema, AsyncIterable<Answer, void, unknown>>>
        : never;
type BuiltGroup<Procedures> = { [Name in keyof Procedures]: Built<Procedures[Name]> };
type Group = Record<string, Procedure<'query' | 'mutation' | 'subscription', z.ZodType, unknown>>;
type Implementations = Record<string, (input: unknown) => unknown>;

/** Connects each procedure of a group to the implementation of the same name. */
function build<Procedures extends object>(
  procedures: Procedures,
  base: typeof call,
  implementations: (context: Context) => object,
): BuiltGroup<Procedures> {
  const of = (context: Context) => implementations(context) as Implementations;
  const built = Object.entries(procedures as Group).map(([name, { type, schema }]) => {
    const checked = schema ? base.input(schema) : base;
    switch (type) {
      case 'query':
        return [name, checked.query(({ ctx, input }) => of(ctx)[name](input))];
      case 'mutation':
        return [name, checked.mutation(({ ctx, input }) => of(ctx)[name](input))];
      case 'subscription':
        return [
          name,
          base.subscription(async function* ({ ctx, signal }) {
            yield* of(ctx)[name](signal ?? new AbortController().signal) as AsyncGenerator;
          }),
        ];
    }
  });
  return Object.fromEntries(built) as BuiltGroup<Procedures>;
}

type BuiltGroups<Groups> = { [Name in keyof Groups]: BuiltGroup<Groups[Name]> };
const ofWorkspace = Object.fromEntries(
  Object.entries(workspaceProcedures).map(([group, procedures]) => [
    group,
    build(procedures, workspaceCall, ({ workspace }) => (workspace as WorkspaceCalls)[group as keyof WorkspaceCalls]),
  ]),
) as BuiltGroups<typeof workspaceProcedures>;

export const router = t.router({ engine: build(engineProcedures, call, ({ engine }) => engine), ...ofWorkspace });

export type Router = typeof router;
