// Opens every page of a built site in Chromium and prints what is wrong with it, as JSON: {page: [fault, …]}.
//
//     node look.mjs NODE_MODULES SITE
//
// A fault is an error on the console, an uncaught exception, a request that fails or leaves this machine, an image that
// does not load, a diagram that is not drawn, a link or an anchor that leads nowhere, or a page wider than a phone.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, site] = process.argv.slice(2);
// Chromium's package brings its libraries for AWS Lambda; this is how it is told to use them here, too.
process.env.AWS_EXECUTION_ENV = process.env.AWS_LAMBDA_JS_RUNTIME = 'AWS_Lambda_nodejs22.x';
const load = async (name) => import(pathToFileURL(createRequire(resolve(modules, 'x.js')).resolve(name)));
const { default: chromium } = await load('@sparticuz/chromium');
const { default: puppeteer } = await load('puppeteer-core');

const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.json': 'application/json',
  '.svg': 'image/svg+xml', '.png': 'image/png' };

const server = createServer((request, response) => {
  const file = join(site, normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname)));
  if (!existsSync(file) || statSync(file).isDirectory()) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain' });
  createReadStream(file).pipe(response);
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const home = `http://127.0.0.1:${server.address().port}/`;

const pages = (await readdir(site, { recursive: true })).filter((name) => name.endsWith('.html')).sort();
const browser = await puppeteer.launch({ args: chromium.args, executablePath: await chromium.executablePath(),
  headless: 'shell', env: process.env });

const seen = new Map(); // page → what a reader finds there
for (const name of pages) {
  const faults = [];
  const page = await browser.newPage();
  await page.setViewport({ width: 390, height: 844 });
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('requestfailed', (request) => faults.push(`request failed: ${request.url()}`));
  page.on('response', (answer) => answer.status() >= 400 && faults.push(`${answer.status()}: ${answer.url()}`));
  page.on('request', (request) => !request.url().startsWith(home) && !request.url().startsWith('data:')
    && faults.push(`asks another host: ${request.url()}`));
  await page.goto(home + name, { waitUntil: 'networkidle0' });
  const found = await page.evaluate(async () => {
    // Material draws a diagram into a closed shadow root of a <div class="mermaid">, in place of the <pre>.
    for (let tries = 0; tries < 50 && document.querySelector('pre.mermaid'); tries++)
      await new Promise((passed) => setTimeout(passed, 100));
    return {
      links: [...document.querySelectorAll('a[href]')].map((link) => link.href),
      anchors: [...document.querySelectorAll('[id]')].map((element) => element.id),
      images: [...document.images].filter((image) => !image.naturalWidth).map((image) => image.src),
      undrawn: document.querySelectorAll('pre.mermaid').length,
      wide: document.documentElement.scrollWidth > innerWidth,
    };
  });
  faults.push(...found.images.map((source) => `no image: ${source}`));
  if (found.undrawn) faults.push('a diagram is not drawn');
  if (found.wide) faults.push('wider than a phone');
  seen.set(name, { ...found, faults });
  await page.close();
}

for (const { links, faults } of seen.values()) {
  for (const link of links.filter((target) => target.startsWith(home))) {
    const url = new URL(link);
    const target = decodeURIComponent(url.pathname).slice(1) || 'index.html';
    if (!existsSync(join(site, target)) || statSync(join(site, target)).isDirectory())
      faults.push(`dead link: ${target}`);
    else if (url.hash.length > 1 && seen.has(target)
      && !seen.get(target).anchors.includes(decodeURIComponent(url.hash.slice(1))))
      faults.push(`no such anchor: ${target}${url.hash}`);
  }
}

if (process.env.SCREENSHOTS) {
  for (const [width, suffix] of [[1280, ''], [390, '-phone']]) {
    const page = await browser.newPage();
    await page.setViewport({ width, height: 1000 });
    await page.goto(`${home}index.html`, { waitUntil: 'networkidle0' });
    await new Promise((passed) => setTimeout(passed, 1500));
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `index${suffix}.png`), fullPage: true });
  }
}
await browser.close();
server.close();
const faults = Object.fromEntries([...seen].map(([name, { faults }]) => [relative('', name), [...new Set(faults)]]));
console.log(JSON.stringify(faults, null, 2));
