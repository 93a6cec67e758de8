/** The watch of a folder, and the files that arrive in it. Plain JSON data only. */

/** A folder that is watched: its new images are scored by a finished ranking. */
export interface Watch {
  runId: string;
  /** Images with at least this score are alarms; null: none are. */
  threshold: number | null;
  /** Looks at the whole folder this often; null: the system reports changes. */
  pollSeconds: number | null;
  startedAt: number;
  /** Number of arrivals so far, and of alarms among them. */
  arrived: number;
  flagged: number;
  /** Why it cannot work at present; it tries again. */
  problem: string | null;
}

/** A file that arrived in a watched folder: it was scored, or cannot be read. */
export interface Arrival {
  /** 1, 2, … since the start of the watch. */
  seq: number;
  path: string;
  /** null if it cannot be read. */
  score: number | null;
  /** It is an alarm. */
  flagged: boolean;
  threshold: number | null;
  at: number;
  issue: { code: string; message: string } | null;
}
