/** Counts in sentences, the same in every door. */

export const whole = (n: number) => n.toLocaleString('en');
export const plural = (n: number, noun: string) => `${whole(n)} ${noun}${n === 1 ? '' : 's'}`;
