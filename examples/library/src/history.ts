import { store } from './index';
import type { Store } from './types';

export interface History<T> extends Store<T> {
  /** Back to the value before. Says whether there was one. */
  undo(): boolean;
}

/** A store that knows what it was. */
export function history<T>(value: T): History<T> {
  const inner = store(value);
  const past: T[] = [];
  return {
    ...inner,
    set(next) {
      past.push(inner.get());
      inner.set(next);
    },
    undo() {
      if (past.length === 0) return false;
      inner.set(past.pop() as T);
      return true;
    },
  };
}
