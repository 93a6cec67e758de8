/**
 * A call of the compute process: a record with the function that serves it. Its argument, event and result types are in the same file.
 * `calls.ts` is the list of all calls; the engine imports only its types.
 */

/** The context of a running call. */
export interface CallContext<Event = never> {
  signal: AbortSignal;
  onEvent(event: Event): void;
}

/**
 * Arguments, events and results are sent by structured clone. A call whose arguments have `resume` writes checkpoints: where the
 * process is restarted under it, it is sent again with `resume: true`.
 */
export interface Call<Args, Result, Event = never> {
  /** Calls that train wait for each other; all others are served at once, between the steps of a training. */
  inTurn?: boolean;
  run(args: Args, context: CallContext<Event>): Result | Promise<Result>;
}

export const defineCall = <Args, Result, Event = never>(call: Call<Args, Result, Event>): Call<Args, Result, Event> =>
  call;
