// What the threads of one engine agree on about a wire trace. Only types and the layout of its counter.

/** A peer whose connections are traced; without a port, on whatever port. */
export interface TracedPeer {
  readonly host: string;
  readonly port?: number;
}

/** What each peer thread gets; every value is already checked. */
export interface TraceSettings {
  /** Absolute path of the pcapng file, which begins with its headers already. */
  readonly file: string | undefined;
  /** Whether lines for people are wanted, too. */
  readonly lines: boolean;
  /** Whether blocks are kept whole in the file. */
  readonly payload: boolean;
  /** Empty: every peer. */
  readonly peers: readonly TracedPeer[];
  /** The file grows no longer than this. */
  readonly limitBytes: number;
  /** When the engine was started, in milliseconds since 1970: lines count from there. */
  readonly startedMs: number;
  /** `TRACE_COUNTER_BYTES` long, see there. */
  readonly counter: SharedArrayBuffer;
}

/** A 64-bit number, the bytes in the file; a 32-bit word, why it takes no more (`TRACE_STOPPED`); padding. */
export const TRACE_COUNTER_BYTES = 16;
export const TRACE_STOPPED_WORD = 2;
export const TRACE_STOPPED = { not: 0, limit: 1, failed: 2 } as const;
