/** The registry of export formats. A new format is one file and one entry here. */
import { coco } from './coco.ts';
import { csv } from './csv.ts';
import { folder } from './folder.ts';
import type { Format } from './format.ts';
import { jsonl } from './jsonl.ts';
import { yolo } from './yolo.ts';

export const formats: readonly Format[] = [folder, yolo, coco, csv, jsonl];
