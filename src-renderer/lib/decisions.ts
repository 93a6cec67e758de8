/** Signs and titles of decisions, which do not rely on colour alone. */
import type { Decision } from '../../src-main/contract/types.ts';

export const decisionMarks: Record<Decision, string> = { keep: '✓', reject: '✕', unsure: '?' };
export const decisionTitles: Record<Decision, string> = { keep: 'Keep', reject: 'Reject', unsure: 'Unsure' };
