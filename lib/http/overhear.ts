// What goes over the wire in a request over HTTP, for inspection. Only types live here.

/** One thing that was sent or received. Bytes are not to be changed. */
export type OverheardHttp =
  | {
      readonly type: 'http-request';
      /** After redirects, where we are now. */
      readonly url: string;
      /** Request line and header lines as sent, in Latin-1, up to and with the empty line. */
      readonly head: string;
    }
  | {
      readonly type: 'http-answer';
      readonly status: number;
      /** Status line and header lines, written down again from what Node's parser read. */
      readonly head: string;
      /** As it came, perhaps compressed; empty for a redirect. */
      readonly body: Uint8Array;
      /** Absent through a proxy. */
      readonly remoteIp?: string;
    }
  /** The body after decompression, where it was compressed. */
  | { readonly type: 'http-body'; readonly body: Uint8Array }
  /** Bytes in the place of an answer that are not HTTP. */
  | { readonly type: 'not-http'; readonly bytes: Uint8Array };

/** Called at once for each; must not throw. */
export type OverhearHttp = (what: OverheardHttp) => void;
