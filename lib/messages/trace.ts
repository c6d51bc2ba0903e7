// What the threads of one engine share about a wire trace: types, and the layout of its counter.

/** A peer whose connections are traced; without `port`, on any port. */
export interface TracedPeer {
  readonly host: string;
  readonly port?: number;
}

/** Settings for each peer thread; every value is already checked. */
export interface TraceSettings {
  /** Absolute path of the pcapng file. Its headers are already written. */
  readonly file: string | undefined;
  /** Whether text lines are wanted as well. */
  readonly lines: boolean;
  /** Whether blocks are stored in full in the file. */
  readonly payload: boolean;
  /** Empty: all peers. */
  readonly peers: readonly TracedPeer[];
  /** Size limit of the file. */
  readonly limitBytes: number;
  /** Start of the engine, in milliseconds since 1970: the zero of the times in lines. */
  readonly startedMs: number;
  /** Shared counter of `TRACE_COUNTER_BYTES` bytes. */
  readonly counter: SharedArrayBuffer;
}

/**
 * Layout of the counter: a 64-bit number (bytes in the file), a 32-bit word (why the file has
 * ended, `TRACE_STOPPED`), padding.
 */
export const TRACE_COUNTER_BYTES = 16;
export const TRACE_STOPPED_WORD = 2;
export const TRACE_STOPPED = { not: 0, limit: 1, failed: 2 } as const;
