/**
 * The AUROC of planted defects that chance gives: with about 40 of them its standard error is .05 to .1. A score above finds planted defects; one below ranks them below
 * normal images.
 */
export const chanceRange = { low: 0.4, high: 0.6 } as const;
