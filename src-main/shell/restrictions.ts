/**
 * Restrictions of the window's Chromium: no network access, and only the permissions that our page needs. These are plain lists; `app.ts` applies them,
 * since only that file imports Electron.
 */

/** Chromium's command-line switches with their values. */
export const switches: readonly (readonly [name: string, value?: string])[] = [
  // Disables DNS: the page uses app://, which needs none. This alone blocks network access; the other switches avoid the attempts.
  ['host-resolver-rules', 'MAP * ~NOTFOUND'],
  // No system proxy and no proxy discovery (WPAD uses the network).
  ['no-proxy-server'],
  // Field trials, safe browsing lists, the time server, reliability reports.
  ['disable-background-networking'],
  ['disable-component-update'],
  ['disable-domain-reliability'],
  ['disable-sync'],
  ['dns-prefetch-disable'],
  ['no-pings'],
  // WebRTC would discover the machine's network addresses.
  ['force-webrtc-ip-handling-policy', 'disable_non_proxied_udp'],
  [
    'disable-features',
    'NetworkTimeServiceQuerying,MediaRouter,DialMediaRouteProvider,OptimizationHints,CertificateTransparencyComponentUpdater',
  ],
];

export const pageOrigin = 'app://winnow';
export const isOurs = (url: string | undefined): boolean => url?.startsWith(`${pageOrigin}/`) ?? false;

/** Permissions of the page: write text to the clipboard (paths, commands). All others are denied, such as camera, location and reading the clipboard. */
const granted: readonly string[] = ['clipboard-sanitized-write'];
export const isGranted = (permission: string, url: string | undefined): boolean =>
  granted.includes(permission) && isOurs(url?.endsWith('/') ? url : `${url}/`);

/** Whether a request stays on this machine: the engine's pipe, data in memory, or the developer tools. */
export const isLocal = (url: string): boolean => /^(app|blob|data|devtools|chrome-extension):/.test(url);
