// The extensions that every session speaks, beside the extended handshake itself. The place in the
// list is the id under which peers send to us: 1 for the first.

import type { MakeExtension } from './extension';

export const EXTENSIONS: readonly MakeExtension[] = [];
