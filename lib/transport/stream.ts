// The interface between a peer connection and its transport: a stream of bytes, its reports, and
// how streams are opened. Only types, so that a stream can wrap another one, and another transport
// can replace TCP.

/** One end of a stream. */
export interface EndPoint {
  /** An IP address, or a name to look up. IPv4 from a dual-stack socket is written as IPv4. */
  readonly host: string;
  readonly port: number;
}

/**
 * Bytes in both directions. A stream that wraps another one (encryption) forwards its calls and
 * keeps the same contract: it changes received data in place, in the buffer of `onBytes`, and
 * writes data from its own memory.
 */
export interface ByteStream {
  /** Bytes that were written and not sent by the system yet. */
  readonly queuedBytes: number;
  /** Our end; undefined until the stream is open. */
  readonly local: EndPoint | undefined;
  /** The peer's end; undefined until the stream is open. */
  readonly remote: EndPoint | undefined;
  /**
   * Sends bytes. Other streams may send from the same memory at the same time: the bytes must not
   * be changed, and are copied only by a stream that must change them. The caller keeps them
   * unchanged until `onFlushed`, which is called once, asynchronously, when they are no longer
   * needed. These calls come in the order of the writes, until `destroy`. Must not throw.
   */
  write(bytes: Uint8Array, onFlushed?: () => void): void;
  /** Between `cork` and `uncork`, writes are collected and sent together. */
  cork(): void;
  uncork(): void;
  /** Stops reading: the peer's data waits in its own system. */
  pause(): void;
  /** Continues reading. */
  resume(): void;
  /** Ends both directions at once; queued data is lost. */
  destroy(): void;
}

/**
 * Receives the reports of a stream. None comes before the call that created the stream has
 * returned.
 */
export interface StreamHandler {
  /** The peer accepted our dial. Never called for an incoming stream. */
  onOpen(): void;
  /**
   * Bytes `start` … `end` were read. During the call the handler may change them in place;
   * afterwards the buffer is used for the next read. Must not throw.
   */
  onBytes(bytes: Uint8Array, start: number, end: number): void;
  /** The stream failed; `onClose` follows. */
  onError(error: Error): void;
  /** The peer will send nothing more. */
  onEnd(): void;
  /** The stream has ended, for whatever reason. */
  onClose(): void;
}

/** A stream that the peer opened. Nothing has been read from it yet. */
export interface IncomingStream {
  readonly from: EndPoint;
  /** Accepts it. */
  open(handler: StreamHandler): ByteStream;
  /** Refuses it. */
  refuse(): void;
}

export interface ListenAt {
  /** 0: the system picks one. */
  readonly port: number;
  /** Undefined: both address families, or IPv4 if there is no IPv6. */
  readonly host: string | undefined;
  /**
   * `alone` excludes all other listeners from the port. `first` fails if another process has the
   * port; other threads may then join with `beside`. Allowed only if `canSharePorts` returns true,
   * and for the holder of `claimPort`.
   */
  readonly share: 'alone' | 'first' | 'beside';
}

export interface ListenEvents {
  onListening(port: number): void;
  /** Listening failed: the code of the system's error, and a sentence. */
  onFailed(code: string, message: string): void;
  onIncoming(stream: IncomingStream): void;
  /** An error that did not end the listening, such as too many open files. */
  onError(error: Error): void;
}

export interface Listener {
  /** Stops accepting; accepted streams continue. */
  close(): void;
}

/** Opens streams. Each peer thread has one. */
export interface Transport {
  /**
   * Opens a stream to a peer. Throws for an impossible target (`ERR_SOCKET_BAD_PORT`); all other
   * failures are reported. If the target is a name, only those of its addresses are tried that
   * `mayReach` accepts; if there is none, the error has the code `ADDRESS_REFUSED` (`dial-errors.ts`).
   */
  dial(
    target: EndPoint,
    handler: StreamHandler,
    mayReach?: (address: string) => boolean,
  ): ByteStream;
  /** Accepts incoming streams. */
  listen(at: ListenAt, events: ListenEvents): Listener;
}
