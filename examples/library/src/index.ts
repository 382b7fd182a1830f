import type { Listener, Store } from './types';

export type { Listener, Store } from './types';

/** A value that tells of its changes. */
export function store<T>(value: T): Store<T> {
  const listeners = new Set<Listener<T>>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
