// URLs of trackers as printed: with a passkey, others could download in its owner's name, and users
// paste output into reports.

import type { Api } from '../context';

/** Formats the URL of a tracker: without secrets, unless requested. */
export function shownUrl(
  { showSecrets }: { readonly showSecrets?: boolean | undefined },
  { redactUrl }: Pick<Api, 'redactUrl'>,
): (url: string) => string {
  return showSecrets === true ? (url) => url : redactUrl;
}
