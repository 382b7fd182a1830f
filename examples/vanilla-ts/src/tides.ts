export interface Tide {
  time: string;
  /** Metres above chart datum. */
  height: number;
  isHigh: boolean;
}

/** The tides of a day, six hours and a quarter apart. */
export function tides(): Tide[] {
  return ['02:10', '08:25', '14:40', '20:55'].map((time, at) => ({
    time,
    height: at % 2 === 0 ? 4.2 : 0.9,
    isHigh: at % 2 === 0,
  }));
}
