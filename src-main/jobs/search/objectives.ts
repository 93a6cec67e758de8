/** The objectives of searches. A classifier is judged on its validation images; a scorer by the truth about images, by planted defects, or by its validation loss. */
import type { Objective } from '../../contract/search.ts';
import type { Epoch } from '../../contract/types.ts';

export interface ObjectiveRecord extends Objective {
  kind: 'train' | 'rank';
  /** The objective after an epoch, if the training knows it then. */
  after?(epoch: Epoch): number | null;
}

export const objectives: readonly ObjectiveRecord[] = [
  {
    id: 'accuracy',
    kind: 'train',
    title: 'Validation accuracy',
    summary: 'The fraction of validation images that are predicted correctly.',
    direction: 'maximise',
    after: ({ valAccuracy }) => valAccuracy ?? null,
  },
  {
    id: 'balanced-accuracy',
    kind: 'train',
    title: 'Validation balanced accuracy',
    summary: 'The mean recall of the classes on validation images: small classes count as much as large ones.',
    direction: 'maximise',
  },
  {
    id: 'loss',
    kind: 'train',
    title: 'Validation loss',
    summary: 'The mean cross-entropy of validation images. Less noisy than the accuracy if they are few.',
    direction: 'minimise',
    after: ({ valLoss }) => valLoss,
  },
  {
    id: 'auroc',
    kind: 'rank',
    title: 'AUROC by the known truth',
    summary:
      'How well the score separates images that are known to be normal and anomalous, without the training images.',
    direction: 'maximise',
  },
  {
    id: 'planted',
    kind: 'rank',
    title: 'AUROC of planted defects',
    summary: 'How well the score separates held-out normal images from copies with a planted defect.',
    direction: 'maximise',
  },
  {
    id: 'validation-loss',
    kind: 'rank',
    title: 'Validation loss',
    summary: 'How well held-out normal images are repaired. A low loss does not always find anomalies best.',
    direction: 'minimise',
    after: ({ valLoss }) => valLoss,
  },
];

export const objectiveOf = (kind: 'train' | 'rank', id: string): ObjectiveRecord | undefined =>
  objectives.find((record) => record.kind === kind && record.id === id);
