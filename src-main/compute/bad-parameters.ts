/** What was asked for cannot be done as it was asked; the sentence says why. */
export class BadParameters extends Error {}
