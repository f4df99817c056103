// How many columns a text takes: a Chinese character is as wide as two letters. Pure.

export const isWide = (character) => /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(character); // prettier-ignore

export const width = (text) => [...text].reduce((sum, character) => sum + (isWide(character) ? 2 : 1), 0);
