// Units, and lengths that several rooms use.

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/**
 * A block, the unit of requests: 16 KiB (BEP 3). Other clients disconnect peers that request more.
 */
export const BLOCK_LENGTH_BYTES = 16_384;

/** A SHA-1 digest: the hash of a piece, and an info hash. */
export const SHA1_LENGTH_BYTES = 20;

/** A SHA-256 digest: an info hash of version 2 (BEP 52). */
export const SHA256_LENGTH_BYTES = 32;

/** A peer id (BEP 3). */
export const PEER_ID_LENGTH_BYTES = 20;
