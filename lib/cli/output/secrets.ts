// URLs of trackers as they are printed: a passkey in one downloads in its owner's name, and output is
// pasted into reports.

import type { Api } from '../context';

/** How the URL of a tracker is printed: without its secrets, unless they are asked for. */
export function shownUrl(
  { showSecrets }: { readonly showSecrets?: boolean | undefined },
  { redactUrl }: Pick<Api, 'redactUrl'>,
): (url: string) => string {
  return showSecrets === true ? (url) => url : redactUrl;
}
