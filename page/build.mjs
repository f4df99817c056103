// Bundles src/ into the Python package's dist/: two HTML files, and assets named after their content.
// `node build.mjs` is all; `make page` runs it when something changed. Needs no network.
import { build } from "esbuild";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const target = path.join(here, "../src/zhinao/serve/page/dist");
const fresh = `${target}.new`;

// KaTeX names each font in three formats; every browser that runs this page reads woff2.
const onlyWoff2 = {
  name: "only-woff2",
  setup({ onLoad }) {
    onLoad({ filter: /katex\.min\.css$/ }, async ({ path: file }) => ({
      contents: (await readFile(file, "utf8")).replace(/,url\([^)]*\.(woff|ttf)\) format\("[a-z]+"\)/g, ""),
      loader: "css",
    }));
  },
};

async function bundle() {
  const result = await build({
    entryPoints: [path.join(here, "src/main.js"), path.join(here, "src/docs.js"), path.join(here, "src/icon.svg")],
    outdir: path.join(fresh, "page"),
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome109", "firefox115", "safari16"],
    loader: { ".woff2": "file", ".svg": "copy" },
    legalComments: "none", // all licences stand whole in licenses.txt
    plugins: [onlyWoff2],
    metafile: true,
    logLevel: "warning",
    absWorkingDir: here,
  });
  const names = {};
  for (const [file, { entryPoint, cssBundle }] of Object.entries(result.metafile.outputs)) {
    if (!entryPoint) continue;
    names[path.basename(entryPoint)] = path.basename(file);
    if (cssBundle) names[path.basename(entryPoint).replace(/js$/, "css")] = path.basename(cssBundle);
  }
  return names;
}

async function writePages(names) {
  for (const page of ["index.html", "docs.html"]) {
    const template = await readFile(path.join(here, "src", page), "utf8");
    const html = template.replace(/\{\{([^}]+)\}\}/g, (_, name) => {
      if (!names[name]) throw new Error(`${page} names ${name}, which the bundle has not`);
      return `page/${names[name]}`;
    });
    await writeFile(path.join(fresh, page), html);
  }
}

async function writeLicenses() {
  const { dependencies } = JSON.parse(await readFile(path.join(here, "package.json"), "utf8"));
  const bundled = [...Object.keys(dependencies), "entities", "linkify-it", "mdurl", "uc.micro", "punycode.js"];
  const parts = bundled.map(async (name) => {
    const folder = path.join(here, "node_modules", name);
    const { version } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
    const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
    if (!files.length) throw new Error(`${name} brings no licence file`);
    const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8")));
    return `== ${name} ${version}\n\n${texts.join("\n")}`;
  });
  await writeFile(path.join(fresh, "page", "licenses.txt"), (await Promise.all(parts)).join("\n\n"));
}

await rm(fresh, { recursive: true, force: true });
await mkdir(path.join(fresh, "page"), { recursive: true });
await writePages(await bundle());
await writeLicenses();
await rm(target, { recursive: true, force: true });
await rename(fresh, target);
