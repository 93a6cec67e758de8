/**
 * What the window's Chromium must not do: ask anything outside this machine, and give a page what ours does not use. Lists only; `app.ts` applies them, since
 * Electron is imported there alone.
 */

/** Switches of Chromium's command line, each with its value. */
export const switches: readonly (readonly [name: string, value?: string])[] = [
  // No name is ever looked up, whoever asks: the page lives on app://, which needs none. This alone keeps the window quiet; the others spare the attempts.
  ['host-resolver-rules', 'MAP * ~NOTFOUND'],
  // Neither the system's proxy nor a search for one (WPAD asks the network).
  ['no-proxy-server'],
  // Field trials, safe browsing lists, the time server, uploads of reliability.
  ['disable-background-networking'],
  ['disable-component-update'],
  ['disable-domain-reliability'],
  ['disable-sync'],
  ['dns-prefetch-disable'],
  ['no-pings'],
  // WebRTC would find out about the machine's addresses.
  ['force-webrtc-ip-handling-policy', 'disable_non_proxied_udp'],
  [
    'disable-features',
    'NetworkTimeServiceQuerying,MediaRouter,DialMediaRouteProvider,OptimizationHints,CertificateTransparencyComponentUpdater',
  ],
];

export const pageOrigin = 'app://winnow';
export const isOurs = (url: string | undefined): boolean => url?.startsWith(`${pageOrigin}/`) ?? false;

/** What the page may ask for: to put text on the clipboard (paths, commands). Everything else is refused: camera, microphone, location, reading the clipboard. */
const granted: readonly string[] = ['clipboard-sanitized-write'];
export const isGranted = (permission: string, url: string | undefined): boolean =>
  granted.includes(permission) && isOurs(url?.endsWith('/') ? url : `${url}/`);

/** Requests that stay on this machine: the engine's pipe, and what the page or its developer tools hold in memory. */
export const staysHere = (url: string): boolean => /^(app|blob|data|devtools|chrome-extension):/.test(url);
