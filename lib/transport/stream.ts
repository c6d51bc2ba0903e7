// What a peer connection is to its transport: a stream of bytes, the reports that come of it, and the
// ways in which streams begin. Only types, so that a stream can wrap another and a transport stand in
// for TCP.

/** One end of a stream. */
export interface EndPoint {
  /** An IP address, or a name to be looked up. IPv4 is written as IPv4 where IPv6 sockets take both. */
  readonly host: string;
  readonly port: number;
}

/**
 * Bytes in both directions. A stream that wraps another (encryption) hands its calls on and keeps these
 * promises: it changes what was read in place, in the buffer that `onBytes` brings, and what is to be
 * written in memory of its own.
 */
export interface ByteStream {
  /** Bytes that were written here and that the system below has not taken yet. */
  readonly queuedBytes: number;
  /** Our end; undefined until the stream is open. */
  readonly local: EndPoint | undefined;
  /** The peer's end; undefined until the stream is open. */
  readonly remote: EndPoint | undefined;
  /**
   * Sends bytes, which may lie in memory that other streams send from at the same time: they are not
   * changed, and not copied but by a stream that must change them. They stay as they are until
   * `onFlushed`, which is called once and later, when they are no longer read or never will be. Such calls come in
   * the order of the writes, until `destroy`. It must not throw.
   */
  write(bytes: Uint8Array, onFlushed?: () => void): void;
  /** Between these two, writes gather and leave together. */
  cork(): void;
  uncork(): void;
  /** Stops reading: what the peer sends waits in its own system. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Ends both directions at once; what is queued is lost. */
  destroy(): void;
}

/** Where the reports of a stream go. None comes before the call that made the stream has returned. */
export interface StreamHandler {
  /** The far side answered our dial. Never called for a stream that it began. */
  onOpen(): void;
  /**
   * Bytes `start` … `end` were read. Until it returns they are the handler's, which may change them in
   * place; then the buffer is used for the next read. Must not throw.
   */
  onBytes(bytes: Uint8Array, start: number, end: number): void;
  /** It failed; `onClose` follows. */
  onError(error: Error): void;
  /** The peer sends nothing more. */
  onEnd(): void;
  /** It is over, whatever the reason. */
  onClose(): void;
}

/** A stream that the far side began. Nothing of it has been read yet. */
export interface IncomingStream {
  readonly from: EndPoint;
  /** Takes it. */
  open(handler: StreamHandler): ByteStream;
  /** Does not take it. */
  refuse(): void;
}

export interface ListenAt {
  /** 0: the system picks one. */
  readonly port: number;
  /** Undefined: both address families, or IPv4 where there is no IPv6. */
  readonly host: string | undefined;
  /**
   * `alone` keeps every other listener off the port. `first` fails where somebody else has it, then other
   * threads may join by `beside`. Only where `canSharePorts` says so, and for the holder of `claimPort`.
   */
  readonly share: 'alone' | 'first' | 'beside';
}

export interface ListenEvents {
  onListening(port: number): void;
  /** Nothing listens: the code of the system's error, and a sentence. */
  onFailed(code: string, message: string): void;
  onIncoming(stream: IncomingStream): void;
  /** An error that did not end the listening, such as too many open files. */
  onError(error: Error): void;
}

export interface Listener {
  /** Accepts no more; streams that were taken go on. */
  close(): void;
}

/** How streams begin. Each peer thread has one. */
export interface Transport {
  /**
   * Begins a stream to a peer. Throws for a target that no system could dial (`ERR_SOCKET_BAD_PORT`);
   * every other failure is reported.
   */
  dial(target: EndPoint, handler: StreamHandler): ByteStream;
  /** Takes incoming streams. */
  listen(at: ListenAt, events: ListenEvents): Listener;
}
