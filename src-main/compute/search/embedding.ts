/**
 * Points of a space as coordinates of a Gaussian process, one axis per parameter. Numbers lie from 0 to 1 on their (logarithmic) axis; whole numbers at the place of their rounded value
 * (Garrido-Merchán & Hernández-Lobato 2020); categories are indices, compared by equality. A parameter that a point does not have is at the centre of its axis, or is a category of its own:
 * so points without it agree there, and every kernel on these coordinates stays positive definite, which masked distances would not.
 */
import { countOf, parentsFirst, placeOf, valueAt } from '../../contract/space.ts';
import type { Assignment, Choice, Domain, Space } from '../../contract/search.ts';

const absentPlace = 0.5;
const absentCategory = -1;
/** Whole numbers with more values are searched like continuous ones, then rounded. */
const mostSteps = 16;

export interface Axis {
  name: string;
  domain: Domain;
  isCategory: boolean;
  /** It has a gradient: a float, or a whole number with many values. */
  isSmooth: boolean;
}

/**
 * A latent point has a place on every axis, also for parameters that are not used there (as `placeOf`: 0..1, or the index of a category). Its coordinates hide those.
 */
export class Embedding {
  readonly axes: readonly Axis[];
  readonly isCategory: readonly boolean[];
  /** Axes of categories that decide about other parameters. */
  readonly parents: readonly number[];
  /** Axes with parents before children, and what each needs. */
  readonly #order: readonly { axis: number; needs: readonly { parent: number; choices: readonly Choice[] }[] }[];

  constructor(space: Space) {
    const names = Object.keys(space);
    this.axes = names.map((name) => ({
      name,
      domain: space[name],
      isCategory: space[name].type === 'categorical',
      isSmooth: space[name].type === 'float' || (space[name].type === 'int' && countOf(space[name]) > mostSteps),
    }));
    this.isCategory = this.axes.map(({ isCategory }) => isCategory);
    this.#order = parentsFirst(space).map((name) => ({
      axis: names.indexOf(name),
      needs: Object.entries(space[name].when ?? {}).map(([parent, choices]) => ({
        parent: names.indexOf(parent),
        choices,
      })),
    }));
    const needed = new Set(this.#order.flatMap(({ needs }) => needs.map(({ parent }) => parent)));
    this.parents = [...needed].filter((axis) => this.isCategory[axis]);
  }

  /** Whether a latent point has the parameter, by axis. */
  activeAxes(latent: Float64Array): boolean[] {
    const active = new Array<boolean>(this.axes.length).fill(false);
    for (const { axis, needs } of this.#order)
      active[axis] = needs.every(
        ({ parent, choices }) => active[parent] && choices.includes(valueAt(this.axes[parent].domain, latent[parent])),
      );
    return active;
  }

  /** The coordinates of a latent point. `isRounded`: whole numbers are at a value that exists. */
  coordinates(latent: Float64Array, active = this.activeAxes(latent), isRounded = true): Float64Array {
    return latent.map((place, axis) => {
      const { domain, isCategory } = this.axes[axis];
      if (!active[axis]) return isCategory ? absentCategory : absentPlace;
      return isRounded && domain.type === 'int' ? placeOf(domain, valueAt(domain, place)) : place;
    });
  }

  /** The latent point of an assignment; parameters that it does not have are taken from `others`, else are at the centre or the first category. */
  latentOf(point: Assignment, others?: Float64Array): Float64Array {
    return Float64Array.from(this.axes, ({ name, domain, isCategory }, axis) => {
      const place = name in point ? placeOf(domain, point[name]) : NaN;
      if (Number.isNaN(place) || (isCategory && place < 0)) return others?.[axis] ?? (isCategory ? 0 : absentPlace);
      return place;
    });
  }

  /** The parameters that a latent point has, with their values. */
  assignmentOf(latent: Float64Array): Assignment {
    const active = this.activeAxes(latent);
    return Object.fromEntries(
      this.axes.flatMap(({ name, domain }, axis) => (active[axis] ? [[name, valueAt(domain, latent[axis])]] : [])),
    );
  }

  /** The coordinates of a trial, also of one outside of the bounds: they may have been changed since. */
  coordinatesOf(point: Assignment): Float64Array {
    return Float64Array.from(this.axes, ({ name, domain, isCategory }) => {
      if (!(name in point)) return isCategory ? absentCategory : absentPlace;
      const place = placeOf(domain, point[name]);
      return Number.isFinite(place) ? place : absentPlace;
    });
  }
}
