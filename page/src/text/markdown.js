// A model's Markdown as sanitised nodes. What a model writes is never trusted: no HTML, no images, no scripts, only web links.
import createDOMPurify from "dompurify";
import hljs from "highlight.js/lib/common";
import MarkdownIt from "markdown-it";
import { tr } from "../lang.js";
import { mathRules } from "./math.js";

const md = new MarkdownIt({ html: false, linkify: true, breaks: false, highlight }).use(mathRules);
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false }); // only what says http: example.py is a file
md.validateLink = (url) => /^(https?:\/\/|mailto:)/i.test(url.trim());

// Models know no pictures; one that is named would tell its host who reads. Shown as a link, if it is a good one.
md.renderer.rules.image = (tokens, n, _options, env, self) => {
  const [token, name] = [tokens[n], self.renderInlineAsText(tokens[n].children ?? [], md.options, env)];
  const escape = md.utils.escapeHtml;
  return `<a href="${escape(token.attrGet("src"))}">${escape(name || tr("picture", "图片"))}</a>`;
};

// `style` attributes are forbidden by the page's policy.
for (const tag of ["th_open", "td_open"]) {
  md.renderer.rules[tag] = (tokens, n) => {
    const side = /text-align:(\w+)/.exec(tokens[n].attrGet("style") ?? "")?.[1];
    return `<${tokens[n].tag}${side ? ` class="to-${side}"` : ""}>`;
  };
}

function highlight(code, name) {
  return hljs.getLanguage(name) ? hljs.highlight(code, { language: name, ignoreIllegals: true }).value : "";
}

const TAGS =
  "p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong s a hr br table thead tbody tr th td div span".split(" ");
let purify = null;

function sanitizer() {
  if (purify) return purify;
  purify = createDOMPurify(window);
  purify.addHook("afterSanitizeAttributes", (node) => {
    if (node.tagName !== "A") return;
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  });
  return purify;
}

/** Tokens of markdown-it; top-level blocks carry `map`, their first line and the line behind them. */
export const parse = (text) => md.parse(text, {});

/** @returns {DocumentFragment} */
export function renderTokens(tokens) {
  return sanitizer().sanitize(md.renderer.render(tokens, md.options, {}), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "title", "class", "start", "data-tex"],
    ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
    RETURN_DOM_FRAGMENT: true,
  });
}
