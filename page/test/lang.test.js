import assert from "node:assert/strict";
import test from "node:test";
import { isChineseInVain } from "../src/lang.js";

test("Chinese is in vain where the model is known to know none", () => {
  assert.equal(isChineseInVain("用中文说 hi", ["en"]), true);
  assert.equal(isChineseInVain("用中文说", ["zh", "en"]), false);
  assert.equal(isChineseInVain("用中文说", []), false);
  assert.equal(isChineseInVain("π ≈ 3，", ["en"]), false);
});
