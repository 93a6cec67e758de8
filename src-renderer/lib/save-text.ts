/** Copies text to the clipboard, or saves it as a file. */

/** Returns whether it worked. In an insecure context only the old clipboard API exists. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  // Elements outside an open dialog cannot be selected.
  const within = document.querySelector('dialog:modal') ?? document.body;
  const before = document.activeElement as HTMLElement | null;
  const field = Object.assign(document.createElement('textarea'), {
    value: text,
    readOnly: true,
    className: 'visually-hidden',
  });
  within.append(field);
  field.select();
  const isCopied = document.execCommand('copy');
  field.remove();
  before?.focus();
  return isCopied;
}

/** Saves a download; the desktop window asks for a place. */
export function saveText(name: string, text: string, type = 'text/plain') {
  const url = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
