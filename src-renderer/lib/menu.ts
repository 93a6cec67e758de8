/**
 * Positions a menu at its button, below or above, inside the window. Computed by measuring, since not all browsers support CSS anchors. A menu is a popover; its
 * button names it as `popovertarget`.
 */
const gapPx = 4;
const edgePx = 8;

/** A Svelte action: `use:atItsButton={'below'}`. */
export function atItsButton(menu: HTMLElement, side: 'below' | 'above') {
  const place = () => {
    const button = document.querySelector(`[popovertarget="${menu.id}"]`)?.getBoundingClientRect();
    if (!button) return;
    const isLeft = button.left < innerWidth / 2;
    const px = (value: number) => `${Math.max(edgePx, value)}px`;
    Object.assign(menu.style, {
      position: 'fixed',
      margin: '0',
      maxWidth: `calc(100vw - ${2 * edgePx}px)`,
      left: isLeft ? px(button.left) : 'auto',
      right: isLeft ? 'auto' : px(innerWidth - button.right),
      top: side === 'below' ? px(button.bottom + gapPx) : 'auto',
      bottom: side === 'above' ? px(innerHeight - button.top + gapPx) : 'auto',
    });
  };
  const onToggle = (event: Event) => {
    if ((event as ToggleEvent).newState === 'open') place();
  };
  const onResize = () => {
    if (menu.matches(':popover-open')) place();
  };
  menu.addEventListener('beforetoggle', onToggle);
  addEventListener('resize', onResize);
  return { destroy: () => removeEventListener('resize', onResize) };
}
