/**
 * A call of the compute process: a record with the function that serves it. The types of its arguments, events and result are in the same file. `calls.ts` lists all
 * calls; the engine imports only the types.
 */

/** The context of a running call. */
export interface CallContext<Event = never> {
  signal: AbortSignal;
  onEvent(event: Event): void;
}

/**
 * Arguments, events and results are sent by structured clone. A call whose arguments have `resume` writes checkpoints: if its process is restarted, the call is sent
 * again with `resume: true`.
 */
export interface Call<Args, Result, Event = never> {
  /** True for calls that train: they wait for each other. All other calls are served at once, between the steps of a training. */
  inTurn?: boolean;
  run(args: Args, context: CallContext<Event>): Result | Promise<Result>;
}

/** Returns the call itself; it only infers the types. */
export const defineCall = <Args, Result, Event = never>(call: Call<Args, Result, Event>): Call<Args, Result, Event> =>
  call;
