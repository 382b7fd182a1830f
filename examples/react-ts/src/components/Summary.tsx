import { isThirsty, type PlantState } from '../plant.ts';

export function Summary({ plants }: { plants: PlantState[] }) {
  const thirsty = plants.filter(isThirsty);
  if (thirsty.length === 0) return <p>All {plants.length} plants are happy.</p>;
  const names = new Intl.ListFormat('en').format(thirsty.map((plant) => plant.name));
  return (
    <p>
      {names} {thirsty.length === 1 ? 'is' : 'are'} thirsty.
    </p>
  );
}
