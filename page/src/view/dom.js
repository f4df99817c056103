// Elements in one call. No markup strings: the page's policy forbids turning them into nodes.

/**
 * @param {string} tag
 * @param {Record<string, any>} attributes `onclick: function` listens; true is an empty attribute; false and null are left out
 * @param {...(Node|string|null|false)} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}
