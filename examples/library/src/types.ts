/** What is told when the value changes. */
export type Listener<T> = (value: T) => void;

export interface Store<T> {
  get(): T;
  set(value: T): void;
  /** Gives what ends it. */
  subscribe(listener: Listener<T>): () => void;
}
