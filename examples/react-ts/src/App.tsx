import { useState } from 'react';
import { Plant } from './components/Plant.tsx';
import { Summary } from './components/Summary.tsx';
import { useWindowsill } from './hooks/useWindowsill.ts';
import { isThirsty } from './plant.ts';

export function App() {
  const { plants, water, waterAll } = useWindowsill();
  const [onlyThirsty, setOnlyThirsty] = useState(false);
  const shown = onlyThirsty ? plants.filter(isThirsty) : plants;

  return (
    <main>
      <header>
        <h1>Good morning, windowsill</h1>
        <Summary plants={plants} />
      </header>

      <div className="actions">
        <button type="button" className="primary" onClick={waterAll}>
          Water all
        </button>
        <label>
          <input
            type="checkbox"
            checked={onlyThirsty}
            onChange={(event) => setOnlyThirsty(event.target.checked)}
          />
          Only the thirsty ones
        </label>
      </div>

      <ul className="sill">
        {shown.map((plant) => (
          <Plant key={plant.id} plant={plant} onWater={() => water(plant.id)} />
        ))}
      </ul>
      {shown.length === 0 && <p className="empty">Nobody is thirsty. Time for a coffee.</p>}
    </main>
  );
}
