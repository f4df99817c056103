// List and settings: beside the conversation where there is room, else over it, and then the browser's back button closes them.

const WIDTHS = { sidebar: 760, panel: 1100 }; // up to which each lies over the conversation; style/frame.css has the same

const { classList } = document.body;

export class Drawers {
  /** @param {import("../address.js").Address} address */
  constructor(address) {
    this.address = address;
  }

  toggle(name) {
    const isShown = classList.toggle(`shows-${name}`);
    if (!isShown) this.address.uncover();
    else if (isOver(name)) this.address.cover();
  }

  show(name) {
    if (!classList.contains(`shows-${name}`)) this.toggle(name);
  }

  /** As by its own button. @returns {boolean} whether one lay over the conversation */
  close() {
    this.address.uncover();
    return this.uncover();
  }

  /** Take away what lies over the conversation; the address is somebody else's business. */
  uncover() {
    const names = Object.keys(WIDTHS).filter(isOver);
    for (const name of names) classList.remove(`shows-${name}`);
    return names.length > 0;
  }
}

const isOver = (name) => classList.contains(`shows-${name}`) && matchMedia(`(max-width: ${WIDTHS[name]}px)`).matches;
