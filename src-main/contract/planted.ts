/** What the AUROC of planted defects says of a score: the fields `plantedAuroc` and `plantedChance` of a run's report. */

/** An AUROC up to this one is not told from chance, however many images there are. */
export const leastChance = 0.6;

/**
 * The AUROC that chance exceeds in one of 20 cases, at least `leastChance`; from `planted` images with a defect and `normals` without: the normal approximation of the U statistic
 * (Mann & Whitney 1947). By symmetry, a score whose AUROC is below 1 minus this one ranks defects below normal images.
 */
export const chanceOf = (planted: number, normals: number): number =>
  Math.max(leastChance, 0.5 + 1.645 * Math.sqrt((planted + normals + 1) / (12 * planted * normals)));

/** Whether a score ranks defects below normal images, more often than chance does. Earlier runs have no `plantedChance`. */
export const isBelowChance = (plantedAuroc: number, plantedChance = leastChance): boolean =>
  plantedAuroc < 1 - plantedChance;
