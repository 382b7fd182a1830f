import type { LeafShape } from '../plant.ts';

interface LeavesProps {
  shape: LeafShape;
  hue: number;
  moisture: number;
}

/** One leaf that starts at the origin and grows upwards. */
const outlines: Record<LeafShape, string> = {
  round: 'M0 0C-17 -12 -17 -34 0 -40C17 -34 17 -12 0 0',
  blade: 'M0 0C-7 -16 -5 -38 0 -50C5 -38 7 -16 0 0',
  trail: 'M0 0C-10 -4 -14 -14 -8 -22C-5 -27 5 -27 8 -22C14 -14 10 -4 0 0',
};

const angles: Record<LeafShape, number[]> = {
  round: [-48, 46, -16, 18],
  blade: [-52, 50, -30, 28, -9, 8],
  trail: [-112, 108, -70, 66, -28, 24, 0],
};

/** A plant in a pot. Its leaves droop and pale as it dries. */
export function Leaves({ shape, hue, moisture }: LeavesProps) {
  const droop = 1 + (1 - moisture) * 0.45;
  const saturation = 18 + moisture * 34;
  return (
    <svg viewBox="0 0 120 110" aria-hidden="true">
      <g transform="translate(60 72)">
        {angles[shape].map((angle, index) => (
          <path
            key={angle}
            d={outlines[shape]}
            style={{ transform: `rotate(${angle * droop}deg)` }}
            fill={`hsl(${hue} ${saturation}% ${38 + index * 4}%)`}
          />
        ))}
      </g>
      <path d="M38 70H82L77 103Q76 108 71 108H49Q44 108 43 103Z" className="pot" />
      <path d="M35 66H85V75H35Z" className="rim" />
    </svg>
  );
}
