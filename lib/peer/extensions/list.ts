// The extensions of every session besides the extended handshake. The position in the list is the
// id under which peers send to us: 1 for the first.

import type { MakeExtension } from './extension';

export const EXTENSIONS: readonly MakeExtension[] = [];
