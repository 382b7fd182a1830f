/** One plant on the sill. */
export interface PlantState {
  id: string;
  name: string;
  latin: string;
  /** How its leaves look. */
  shape: LeafShape;
  /** Degrees on the colour wheel. */
  hue: number;
  /** From 0, bone dry, to 1. */
  moisture: number;
  /** How much moisture it loses each second. */
  dryingPerSecond: number;
}

export type LeafShape = 'round' | 'blade' | 'trail';

const thirstyBelow = 0.35;

export function isThirsty(plant: PlantState): boolean {
  return plant.moisture < thirstyBelow;
}

export function dry(plant: PlantState, seconds: number): PlantState {
  return { ...plant, moisture: Math.max(0, plant.moisture - plant.dryingPerSecond * seconds) };
}
