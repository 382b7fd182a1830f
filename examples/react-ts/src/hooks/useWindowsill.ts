import { useCallback, useState } from 'react';
import plantsAtFirst from '../data/plants.json';
import { dry, type PlantState } from '../plant.ts';
import { useInterval } from './useInterval.ts';

const tickSeconds = 1;

/** The plants, which dry a little every second, and ways to water them. */
export function useWindowsill() {
  const [plants, setPlants] = useState(plantsAtFirst as PlantState[]);

  useInterval(() => {
    setPlants((before) => before.map((plant) => dry(plant, tickSeconds)));
  }, tickSeconds * 1000);

  const water = useCallback((id: string) => {
    console.log(`Watered ${id}.`);
    setPlants((before) => before.map((plant) => (plant.id === id ? { ...plant, moisture: 1 } : plant)));
  }, []);

  const waterAll = useCallback(() => {
    console.log('Watered everyone.');
    setPlants((before) => before.map((plant) => ({ ...plant, moisture: 1 })));
  }, []);

  return { plants, water, waterAll };
}
