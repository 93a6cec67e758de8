/** The parameters of a call are invalid; the message says why. */
export class BadParameters extends Error {}
