/** A press on a tile takes the focus from no list; but a text field lets go, else the keys that follow would be typed into it. */
export function pressTile(event: MouseEvent): void {
  event.preventDefault();
  const { activeElement } = document;
  if (
    activeElement instanceof HTMLInputElement ||
    activeElement instanceof HTMLTextAreaElement ||
    activeElement instanceof HTMLSelectElement
  )
    activeElement.blur();
}
