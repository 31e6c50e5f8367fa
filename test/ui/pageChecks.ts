/** Checks that run in a page, and what they use of it. */

export interface PageElement {
  readonly parentElement: PageElement | null;
  readonly childNodes: Iterable<{ readonly nodeType: number; readonly textContent: string | null }>;
  readonly className: string;
  readonly tagName: string;
  readonly ownerDocument: { elementFromPoint(x: number, y: number): PageElement | null };
  contains(other: PageElement | null): boolean;
  closest(selector: string): PageElement | null;
  checkVisibility(): boolean;
  getBoundingClientRect(): { left: number; right: number; top: number; bottom: number; width: number };
  querySelectorAll(selector: string): Iterable<PageElement>;
}

interface PageGlobals {
  readonly document: { readonly documentElement: PageElement };
  readonly getComputedStyle: (element: PageElement) => {
    readonly color: string;
    readonly backgroundColor: string;
    readonly backgroundImage: string;
    readonly opacity: string;
  };
}

/** Whether all of an element is to be seen: nothing covers its corners. */
export function isUncovered(element: PageElement): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  const at = (x: number, y: number): boolean =>
    element.contains(element.ownerDocument.elementFromPoint(x, y));
  return at(left + 2, top + 2) && at(right - 3, bottom - 3);
}

export function widthsOf(elements: PageElement[]): number[] {
  return elements.map((element) => element.getBoundingClientRect().width);
}

export function colorOf(element: PageElement): string {
  return (globalThis as unknown as PageGlobals).getComputedStyle(element).color;
}

/**
 * Runs in a page: the texts in an element whose contrast with what is behind them is below 4.5:1, with that. What cannot
 * be used for the moment is left out, as WCAG leaves it out.
 */
export function unreadableTexts(root: PageElement): string[] {
  const { document, getComputedStyle } = globalThis as unknown as PageGlobals;
  type Color = readonly [red: number, green: number, blue: number, alpha: number];
  const read = (text: string): Color => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
    // `color(srgb …)` counts from 0 to 1.
    const scale = text.startsWith('color') ? 255 : 1;
    return [red * scale, green * scale, blue * scale, alpha];
  };
  const over = (front: Color, back: Color): Color => {
    const mix = (index: 0 | 1 | 2): number => front[index] * front[3] + back[index] * (1 - front[3]);
    return [mix(0), mix(1), mix(2), 1];
  };
  const luminance = (color: Color): number => {
    const [red = 0, green = 0, blue = 0] = color.slice(0, 3).map((channel) => {
      const part = channel / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element: PageElement | null): Color => {
    if (!element) return read(getComputedStyle(document.documentElement).backgroundColor);
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    const base = read(backgroundColor);
    const below = base[3] === 1 ? base : over(base, behind(element.parentElement));
    const veil = /rgba?\([^)]*\)/.exec(backgroundImage)?.[0];
    return veil === undefined ? below : over(read(veil), below);
  };
  const opacity = (element: PageElement | null): number =>
    element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1;
  const found: string[] = [];
  for (const element of root.querySelectorAll('*')) {
    const text = [...element.childNodes]
      .filter((node) => node.nodeType === 3)
      .map((node) => node.textContent?.trim() ?? '')
      .join('');
    if (text === '' || element.closest('[aria-disabled=true], script, option') || !element.checkVisibility())
      continue;
    const back = behind(element);
    const [red, green, blue, alpha] = read(getComputedStyle(element).color);
    const front = over([red, green, blue, alpha * opacity(element)], back);
    const [light = 0, dark = 0] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5)
      found.push(`${text.slice(0, 30)} (${element.className || element.tagName}): ${ratio.toFixed(2)}`);
  }
  return found;
}
