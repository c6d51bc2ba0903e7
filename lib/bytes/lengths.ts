// Lengths that several rooms must agree on.

/** A block, the unit of requests: 16 KiB (BEP 3). Other clients close peers that ask for more. */
export const BLOCK_LENGTH_BYTES = 16_384;

/** A SHA-1 digest: the hash of a piece, and an info hash. */
export const SHA1_LENGTH_BYTES = 20;
