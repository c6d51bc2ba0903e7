// What is sent and received in an HTTP request, for inspection. Only types.

/** One thing that was sent or received. Its bytes must not be modified. */
export type OverheardHttp =
  | {
      readonly type: 'http-request';
      /** After redirects, the present URL. */
      readonly url: string;
      /** Request line and header lines as sent, in Latin-1, including the empty line. */
      readonly head: string;
    }
  | {
      readonly type: 'http-answer';
      readonly status: number;
      /** Status line and header lines, reconstructed from what Node's parser read. */
      readonly head: string;
      /** As received, possibly compressed; empty for a redirect. */
      readonly body: Uint8Array;
      /** Absent through a proxy. */
      readonly remoteIp?: string;
    }
  /** The body after decompression, where it was compressed. */
  | { readonly type: 'http-body'; readonly body: Uint8Array }
  /** Bytes received instead of an HTTP reply. */
  | { readonly type: 'not-http'; readonly bytes: Uint8Array };

/** Called at once for each; must not throw. */
export type OverhearHttp = (what: OverheardHttp) => void;
