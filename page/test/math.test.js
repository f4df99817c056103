import assert from "node:assert/strict";
import test from "node:test";
import MarkdownIt from "markdown-it";
import { mathRules } from "../src/text/math.js";

const md = new MarkdownIt().use(mathRules);
const formulas = (text) =>
  [...md.render(text).matchAll(/<(span|div) class="formula" data-tex="([^"]*)"/g)].map(([, tag, tex]) => [tag, tex]);

test("formulas in their four spellings", () => {
  assert.deepEqual(formulas("so $x^2$ and \\(y_1\\)"), [
    ["span", "x^2"],
    ["span", "y_1"],
  ]);
  assert.deepEqual(formulas("$$\na = b\n$$"), [["div", "a = b"]]);
  assert.deepEqual(formulas("\\[ a \\]"), [["div", "a"]]);
  assert.deepEqual(formulas("it is $$a$$ here, \\[b\\] there"), [
    ["div", "a"],
    ["div", "b"],
  ]);
  assert.deepEqual(formulas("- item\n  $$\n  c\n  $$\n- \\[d\\]"), [
    ["div", "c"],
    ["div", "d"],
  ]);
  assert.deepEqual(formulas("设 $n=1$，则"), [["span", "n=1"]]);
  assert.deepEqual(formulas("$2x + 3 = 7$, $5$, $\\$5 + 1$"), [
    ["span", "2x + 3 = 7"],
    ["span", "5"],
    ["span", "\\$5 + 1"],
  ]);
});

test("money is no formula", () => {
  for (const text of [
    "costs $5 and $6",
    "between $5-$6 or $7",
    "US$5 and A$7",
    "$20 (US$) more",
    "$1,000, or so; that$",
    "pay \\$5 or \\$6",
    "a $ b $ c",
    "it is $5 cheaper than 6$ was",
    "`$x$` is code",
  ]) {
    assert.deepEqual(formulas(text), [], text);
  }
});

test("an unfinished formula stays text", () => {
  assert.deepEqual(formulas("$$\na = b"), []);
  assert.deepEqual(formulas("and \\(x + 1"), []);
  assert.deepEqual(formulas("one $x\n\nother$ paragraph"), []);
});

test("what is in a formula is escaped", () => {
  assert.match(md.render('$a"<b>$'), /data-tex="a&quot;&lt;b&gt;"/);
});

test("emphasis around and in formulas", () => {
  assert.deepEqual(formulas("**$a_1$** and $b_1 * c_2 * d$"), [
    ["span", "a_1"],
    ["span", "b_1 * c_2 * d"],
  ]);
});
