import { tides } from './tides';

/** Days from a day on, of the year's 365, whose moon is new or full within a day. */
function springs(from: number): number[] {
  const days = Array.from({ length: 30 }, (_, at) => from + at);
  return days.filter((day) => Math.abs(((day * 2) / 29.53) % 1 - 0.5) > 0.46);
}

const highest = Math.max(...tides().map(({ height }) => height));
const [next = 0] = springs(7);
postMessage(`The next spring tide is in ${next - 7} days, at ${(highest * 1.2).toFixed(1)} m.`);
