/**
 * The one contract: every call that a window, a browser or the command line can make. Each procedure checks its input with zod and
 * hands over to a service; errors leave as a code and a sentence. Procedures of a workspace are reached under its own address.
 */
import { initTRPC, TRPCError } from '@trpc/server';
import { z } from 'zod';
import { explain, WinnowError } from './errors.ts';
import {
  alikeSchema,
  backendSchema,
  divisionSchema,
  editSchema,
  estimateSchema,
  exportSchema,
  idsSchema,
  importSchema,
  keepBestSchema,
  labelsSchema,
  mapSchema,
  moveJobSchema,
  openSchema,
  predictSchema,
  previewSchema,
  rankSchema,
  restoreSchema,
  summarySchema,
  takeAwaySchema,
  thresholdSchema,
  trainSchema,
  viewSchema,
} from './schemas.ts';
import type { Context } from './services.ts';

const t = initTRPC.context<Context>().create({
  errorFormatter: ({ shape, error }) => {
    const cause = error.cause;
    const told =
      cause instanceof z.ZodError
        ? { code: 'bad-request', message: z.prettifyError(cause) }
        : cause
          ? explain(cause)
          : { code: 'failed', message: error.message };
    return { ...shape, message: told.message, data: { ...shape.data, stack: undefined, winnow: told.code } };
  },
  sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 40_000 } },
});

/** What the person can mend is their request's fault (400), not the engine's (500). */
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
  return next({ ctx: { ...ctx, workspace: ctx.workspace } });
});

export const router = t.router({
  engine: t.router({
    info: call.query(({ ctx }) => ctx.engine.info()),
    backend: call.query(({ ctx }) => ctx.engine.backend()),
    chooseBackend: call.input(backendSchema).mutation(({ ctx, input }) => ctx.engine.chooseBackend(input.choice)),
    doctor: call.query(({ ctx }) => ctx.engine.doctor()),
    estimate: call.input(estimateSchema).query(({ ctx, input }) => ctx.engine.estimate(input)),
    methods: call.query(({ ctx }) => ctx.engine.methods()),
    models: call.query(({ ctx }) => ctx.engine.models()),
    summary: call.input(summarySchema).query(({ ctx, input }) => ctx.engine.summary(input)),
    exportFormats: call.query(({ ctx }) => ctx.engine.exportFormats()),
    folders: call
      .input(z.object({ path: z.string().nullable() }))
      .query(({ ctx, input }) => ctx.engine.listFolders(input.path)),
    backups: call.input(openSchema).query(({ ctx, input }) => ctx.engine.backups(input)),
    restore: call.input(restoreSchema).mutation(({ ctx, input }) => ctx.engine.restore(input)),
    open: call.input(openSchema).mutation(({ ctx, input }) => ctx.engine.open(input)),
  }),
  workspace: t.router({
    describe: workspaceCall.query(({ ctx }) => ctx.workspace.describe()),
    events: workspaceCall.subscription(async function* ({ ctx, signal }) {
      yield* ctx.workspace.events(signal ?? new AbortController().signal);
    }),
    scan: workspaceCall.mutation(({ ctx }) => ctx.workspace.scan()),
    rank: workspaceCall.input(rankSchema).mutation(({ ctx, input }) => ctx.workspace.rank(input)),
    map: workspaceCall.input(mapSchema).mutation(({ ctx, input }) => ctx.workspace.map(input)),
    import: workspaceCall.input(importSchema).mutation(({ ctx, input }) => ctx.workspace.import(input)),
  }),
  classifier: t.router({
    advise: workspaceCall.query(({ ctx }) => ctx.workspace.advise()),
    divide: workspaceCall.input(divisionSchema).query(({ ctx, input }) => ctx.workspace.divide(input)),
    train: workspaceCall.input(trainSchema).mutation(({ ctx, input }) => ctx.workspace.train(input)),
    rangeTest: workspaceCall.input(trainSchema).mutation(({ ctx, input }) => ctx.workspace.rangeTest(input)),
    predict: workspaceCall.input(predictSchema).mutation(({ ctx, input }) => ctx.workspace.predict(input)),
    takeAway: workspaceCall.input(takeAwaySchema).mutation(({ ctx, input }) => ctx.workspace.takeAway(input)),
    preview: workspaceCall.input(previewSchema).mutation(({ ctx, input }) => ctx.workspace.preview(input)),
    probabilities: workspaceCall
      .input(z.object({ runId: z.string(), sampleId: z.int() }))
      .query(({ ctx, input }) => ctx.workspace.probabilities(input.runId, input.sampleId)),
  }),
  labels: t.router({
    judge: workspaceCall.input(labelsSchema).mutation(({ ctx, input }) => ctx.workspace.judgeLabels(input)),
    queue: workspaceCall.query(({ ctx }) => ctx.workspace.labelQueue()),
    accept: workspaceCall.input(idsSchema).mutation(({ ctx, input }) => ctx.workspace.acceptLabels(input.ids)),
    confirm: workspaceCall.input(idsSchema).mutation(({ ctx, input }) => ctx.workspace.confirmLabels(input.ids)),
  }),
  samples: t.router({
    alike: workspaceCall.input(alikeSchema).mutation(({ ctx, input }) => ctx.workspace.alike(input)),
    changes: workspaceCall
      .input(z.object({ since: z.int().nonnegative(), limit: z.int().positive().max(100_000).default(20_000) }))
      .query(({ ctx, input }) => ctx.workspace.changes(input.since, input.limit)),
    columns: workspaceCall.query(({ ctx }) => ctx.workspace.columns()),
    issues: workspaceCall.query(({ ctx }) => ctx.workspace.issues()),
  }),
  checks: t.router({
    list: workspaceCall.query(({ ctx }) => ctx.workspace.checks()),
    findings: workspaceCall.query(({ ctx }) => ctx.workspace.findings()),
    setThreshold: workspaceCall.input(thresholdSchema).mutation(({ ctx, input }) => ctx.workspace.setThreshold(input)),
  }),
  duplicates: t.router({
    groups: workspaceCall.query(({ ctx }) => ctx.workspace.groups()),
    setApart: workspaceCall
      .input(z.object({ ids: z.array(z.int()).min(2) }))
      .mutation(({ ctx, input }) => ctx.workspace.setApart(input.ids)),
    keepBest: workspaceCall.input(keepBestSchema).mutation(({ ctx, input }) => ctx.workspace.keepBest(input)),
  }),
  views: t.router({
    list: workspaceCall.query(({ ctx }) => ctx.workspace.views()),
    save: workspaceCall.input(viewSchema).mutation(({ ctx, input }) => ctx.workspace.saveView(input)),
    remove: workspaceCall
      .input(z.object({ name: z.string() }))
      .mutation(({ ctx, input }) => ctx.workspace.removeView(input.name)),
  }),
  journal: t.router({
    edit: workspaceCall.input(editSchema).mutation(({ ctx, input }) => ctx.workspace.edit(input.choice, input.change)),
    undo: workspaceCall.mutation(({ ctx }) => ctx.workspace.undo()),
    redo: workspaceCall.mutation(({ ctx }) => ctx.workspace.redo()),
    history: workspaceCall
      .input(z.object({ limit: z.int().positive().max(10_000).default(200) }))
      .query(({ ctx, input }) => ctx.workspace.history(input.limit)),
    script: workspaceCall.query(({ ctx }) => ctx.workspace.script()),
  }),
  jobs: t.router({
    list: workspaceCall.query(({ ctx }) => ctx.workspace.jobs()),
    cancel: workspaceCall.input(z.object({ id: z.int() })).mutation(({ ctx, input }) => ctx.workspace.cancel(input.id)),
    move: workspaceCall.input(moveJobSchema).mutation(({ ctx, input }) => ctx.workspace.moveJob(input.id, input.to)),
  }),
  runs: t.router({
    list: workspaceCall.query(({ ctx }) => ctx.workspace.runs()),
    get: workspaceCall.input(z.object({ id: z.string() })).query(({ ctx, input }) => ctx.workspace.run(input.id)),
  }),
  exports: t.router({
    plan: workspaceCall.input(exportSchema).query(({ ctx, input }) => ctx.workspace.planExport(input)),
    start: workspaceCall.input(exportSchema).mutation(({ ctx, input }) => ctx.workspace.export(input)),
    result: workspaceCall
      .input(z.object({ jobId: z.int() }))
      .query(({ ctx, input }) => ctx.workspace.exportResult(input.jobId)),
  }),
});

export type Router = typeof router;
