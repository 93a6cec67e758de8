/** A place of an image beside the nearest normal patch of a ranking. */

/** A point of an image, in fractions of its width and height, 0..1. */
export interface Place {
  x: number;
  y: number;
}

/** A rectangle of an image, in fractions of its width and height; x and y are its upper left corner. */
export interface Box extends Place {
  width: number;
  height: number;
}

/** A place of an image beside the nearest normal patch: what the place is unlike. */
export interface Unlike {
  here: Box;
  /** The training image that the normal patch comes from. */
  sampleId: number;
  path: string;
  there: Box;
  /** Of both patches in the features. */
  distance: number;
  /** The same distance of the most unusual patches of a typical normal image. */
  usual: number;
}
