// The page's own icons, drawn with strokes on a grid of 24.

const PATHS = {
  plus: "M12 5v14M5 12h14",
  search: "M11 4a7 7 0 1 1 0 14a7 7 0 0 1 0-14M20 20l-4-4",
  menu: "M4 7h16M4 12h16M4 17h10",
  close: "M6 6l12 12M18 6L6 18",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  send: "M12 19V5M6 11l6-6l6 6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  again: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L20 9.4M20 4.5v4.9h-4.9",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  left: "M14 6l-6 6l6 6",
  right: "M10 6l6 6l-6 6",
  down: "M12 5v14M6 13l6 6l6-6",
  forward: "M4 12h15M13 6l6 6l-6 6",
  sliders:
    "M4 8h9M19 8h1M16 5.5a2.5 2.5 0 1 1 0 5a2.5 2.5 0 0 1 0-5M4 16h1M11 16h9M8 13.5a2.5 2.5 0 1 1 0 5a2.5 2.5 0 0 1 0-5",
  sun: "M12 8a4 4 0 1 1 0 8a4 4 0 0 1 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  key: "M8 11a4 4 0 1 1 0 8a4 4 0 0 1 0-8M11 12l8-8M16 7l3 3",
  chart: "M5 19V11M12 19V5M19 19v-5",
  download: "M12 4v11M7 11l5 5l5-5M5 20h14",
  upload: "M12 16V5M7 9l5-5l5 5M5 20h14",
  clip: "M18.5 11.5l-7 7a4.2 4.2 0 0 1-6-6l8-8a2.8 2.8 0 0 1 4 4l-8 8a1.4 1.4 0 0 1-2-2l7-7",
  file: "M6 3.5h8l4 4v13H6zM14 3.5v4h4",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7",
  book: "M5 5.5A2 2 0 0 1 7 4h12v14H7a2 2 0 0 0-2 2zM5 20V5.5M7 20h12v-2",
};

/** @param {keyof typeof PATHS} name @returns {SVGElement} */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
