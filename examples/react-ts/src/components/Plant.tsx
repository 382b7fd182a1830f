import { isThirsty, type PlantState } from '../plant.ts';
import { Leaves } from './Leaves.tsx';
import { Meter } from './Meter.tsx';

interface PlantProps {
  plant: PlantState;
  onWater: () => void;
}

export function Plant({ plant, onWater }: PlantProps) {
  return (
    <li className={isThirsty(plant) ? 'plant thirsty' : 'plant'}>
      <Leaves shape={plant.shape} hue={plant.hue} moisture={plant.moisture} />
      <h2>{plant.name}</h2>
      <p className="latin" lang="la">
        {plant.latin}
      </p>
      <Meter label={`Moisture of ${plant.name}`} value={plant.moisture} />
      <button type="button" onClick={onWater} aria-label={`Water ${plant.name}`}>
        Water
      </button>
    </li>
  );
}
