/** A press on a tile does not take the focus from a list, but it leaves a text field; otherwise the next keys would be typed into the field. */
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
