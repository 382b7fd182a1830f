// This file lists the messages between the page and the frame that runs the
// project. The frame's are not to be trusted: the project can send them too.

import type { Level } from './console.ts';

/** From the page, once, when the frame is ready. */
export interface RunMessage {
  type: 'run';
  nonce: string;
  /** The project's own `index.html`, if it has one. */
  html: string | undefined;
  scripts: Script[];
}

/** A chunk of the output, whose imports of other chunks go by `chunkSpecifier`. */
export interface Script {
  fileName: string;
  code: string;
  /** The source file that `index.html` may name instead. */
  source: string | undefined;
  isEntry: boolean;
  /** Whether it is an ES module; otherwise a classic script. */
  isModule: boolean;
}

/** From the frame. Every message names the run that it belongs to. */
export type FrameMessage = { nonce: string } & (
  | { type: 'ready' }
  /** The entries were run, or failed to. */
  | { type: 'ran' }
  | { type: 'print'; lines: Line[] }
);

export interface Line {
  level: Level;
  text: string;
}

/** What a chunk is imported by in the frame, where an import map leads on to its blob. */
export function chunkSpecifier(fileName: string): string {
  return `nexxo-chunk/${fileName}`;
}
