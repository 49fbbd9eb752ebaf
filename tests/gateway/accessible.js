// What keeps people from using a page, as a list of sentences; empty when nothing was found.
// Rules: WCAG 2.2, 1.3.1, 1.4.3, 1.4.10, 1.4.11, 2.4.2, 2.5.5, 3.1.1, 3.3.2 and 4.1.2.
() => {
  const found = [];
  const all = (selector, below = document) => [...below.querySelectorAll(selector)];
  const words = (element) => element.textContent.trim().replace(/\s+/g, " ");
  const name = (element) => `<${element.tagName.toLowerCase()}> ${element.id || element.name || words(element).slice(0, 30)}`;
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const fields = all("input:not([type=hidden]), textarea, select").filter(shown);

  // The page as a whole
  if (!document.documentElement.lang) found.push("the page does not say its language");
  if (!document.title.trim()) found.push("the page has no title");
  if (all("main").length !== 1) found.push(`the page has ${all("main").length} main parts`);
  if (all("h1").length !== 1) found.push(`the page has ${all("h1").length} first headings`);
  const levels = all("h1, h2, h3, h4, h5, h6").map((heading) => Number(heading.tagName[1]));
  levels.forEach((level, at) => {
    if (level > (at ? levels[at - 1] : 0) + 1) found.push(`a heading of level ${level} follows one of level ${levels[at - 1]}`);
  });
  for (const { id } of all("[id]")) if (all(`[id="${id}"]`).length > 1) found.push(`the id ${id} is there twice`);

  // Names and descriptions
  for (const field of fields) if (![...field.labels].some(words)) found.push(`${name(field)} has no label`);
  for (const group of all("fieldset")) if (!words(group.querySelector("legend") ?? new Text(""))) found.push(`${name(group)} has no legend`);
  for (const one of all("button, a[href]")) if (!words(one)) found.push(`${name(one)} has no name`);
  for (const one of all("[aria-describedby]")) {
    for (const id of one.getAttribute("aria-describedby").split(/\s+/)) {
      if (!words(document.getElementById(id) ?? new Text(""))) found.push(`${name(one)} is described by ${id}, which says nothing`);
    }
  }
  for (const wrong of all("[aria-invalid=true]")) {
    if (!all("[role=alert]").some((alert) => wrong.getAttribute("aria-describedby")?.split(/\s+/).includes(alert.id))) {
      found.push(`${name(wrong)} is wrong, and no announced problem describes it`);
    }
  }

  // Colours
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [red, green, blue, opaque = 1] = parts(getComputedStyle(at).backgroundColor);
      if (opaque === 1) return [red, green, blue];
    }
    return [255, 255, 255];
  };
  const light = (colour) => {
    const [red, green, blue] = colour.map((one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [most, least] = [light(one), light(other)].sort((a, b) => b - a);
    return (most + 0.05) / (least + 0.05);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(element) || ["STYLE", "SCRIPT", "TITLE"].includes(element.tagName)) continue;
    const ratio = contrast(parts(getComputedStyle(element).color), behind(element));
    if (ratio < 4.5) found.push(`${name(element)} has a contrast of ${ratio.toFixed(2)}`);
  }
  for (const field of fields.filter((one) => !["radio", "checkbox"].includes(one.type))) {
    const ratio = contrast(parts(getComputedStyle(field).borderTopColor), behind(field.parentElement));
    if (ratio < 3) found.push(`the border of ${name(field)} has a contrast of ${ratio.toFixed(2)}`);
  }
  const active = document.activeElement;
  if (active && active !== document.body) {
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(active);
    const ratio = contrast(parts(outlineColor), behind(active.parentElement));
    if (outlineStyle === "none" || parseFloat(outlineWidth) < 2 || ratio < 3) found.push(`the focus on ${name(active)} is not seen`);
  }

  // Sizes, in CSS pixels; a link inside a sentence is as high as its line
  for (const one of [...fields, ...all("button, a[href]").filter(shown)]) {
    if (one.tagName === "A" && words(one) !== words(one.parentElement)) continue;
    const target = ["radio", "checkbox"].includes(one.type) ? one.labels[0] ?? one : one;
    const { width, height } = target.getBoundingClientRect();
    if (width < 44 || height < 44) found.push(`${name(one)} is ${Math.round(width)} by ${Math.round(height)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const one of all("main *").filter(shown)) {
    if (one.getBoundingClientRect().right > innerWidth) found.push(`${name(one)} goes beyond the screen`);
  }
  return found;
}
