// The simplest cipher around a transport: it XORs every byte with one byte. Like a real cipher, it
// decrypts in the buffer of its thread and encrypts into memory of its own.

import type {
  ByteStream,
  EndPoint,
  IncomingStream,
  ListenAt,
  ListenEvents,
  Listener,
  StreamHandler,
  Transport,
} from '../../lib/transport/stream';

export class XorTransport implements Transport {
  readonly #inner: Transport;
  readonly #key: number;

  constructor(inner: Transport, key: number) {
    this.#inner = inner;
    this.#key = key;
  }

  dial(target: EndPoint, handler: StreamHandler): ByteStream {
    return new XorStream(this.#key, handler, (inner) => this.#inner.dial(target, inner));
  }

  listen(at: ListenAt, events: ListenEvents): Listener {
    return this.#inner.listen(at, {
      onListening: (taken) => events.onListening(taken),
      onFailed: (code, message) => events.onFailed(code, message),
      onError: (error) => events.onError(error),
      onIncoming: (stream) => events.onIncoming(new XorIncoming(stream, this.#key)),
    });
  }
}

class XorIncoming implements IncomingStream {
  readonly from: EndPoint;
  readonly #inner: IncomingStream;
  readonly #key: number;

  constructor(inner: IncomingStream, key: number) {
    this.from = inner.from;
    this.#inner = inner;
    this.#key = key;
  }
  open(handler: StreamHandler): ByteStream {
    return new XorStream(this.#key, handler, (inner) => this.#inner.open(inner));
  }
  refuse(): void {
    this.#inner.refuse();
  }
}

class XorStream implements ByteStream, StreamHandler {
  readonly #key: number;
  readonly #handler: StreamHandler;
  readonly #inner: ByteStream;

  constructor(key: number, handler: StreamHandler, begin: (inner: StreamHandler) => ByteStream) {
    this.#key = key;
    this.#handler = handler;
    this.#inner = begin(this);
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes;
  }
  get local(): EndPoint | undefined {
    return this.#inner.local;
  }
  get remote(): EndPoint | undefined {
    return this.#inner.remote;
  }
  write(bytes: Uint8Array, onFlushed?: () => void): void {
    this.#inner.write(
      bytes.map((byte) => byte ^ this.#key),
      onFlushed,
    );
  }
  cork(): void {
    this.#inner.cork();
  }
  uncork(): void {
    this.#inner.uncork();
  }
  pause(): void {
    this.#inner.pause();
  }
  resume(): void {
    this.#inner.resume();
  }
  destroy(): void {
    this.#inner.destroy();
  }

  onOpen(): void {
    this.#handler.onOpen();
  }
  onBytes(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) bytes[at] = (bytes[at] ?? 0) ^ this.#key;
    this.#handler.onBytes(bytes, start, end);
  }
  onError(error: Error): void {
    this.#handler.onError(error);
  }
  onEnd(): void {
    this.#handler.onEnd();
  }
  onClose(): void {
    this.#handler.onClose();
  }
}
