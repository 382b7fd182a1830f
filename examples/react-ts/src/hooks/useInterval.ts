import { useEffect, useEffectEvent } from 'react';

/** Calls `tick` every so often, always the newest one. */
export function useInterval(tick: () => void, everyMs: number) {
  const onTick = useEffectEvent(tick);
  useEffect(() => {
    const timer = setInterval(() => onTick(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}
