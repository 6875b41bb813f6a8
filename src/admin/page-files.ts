import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface PageFile {
  readonly type: string
  readonly body: Buffer
}

// They are served as they are written: no build makes anything of them, and the package has them at this place.
const FOLDER = join(dirname(createRequire(import.meta.url).resolve('fastify-stream-gateway/package.json')), 'src/admin/page')

const TYPES = { html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' }

const SCRIPTS = ['page.js', 'stream.js', 'tiles.js', 'tables.js', 'explain.js', 'charts.js', 'dom.js', 'format.js']

/** The status page, by path. */
export const PAGE: ReadonlyMap<string, PageFile> = new Map([
  ['/page.css', file('page.css', 'css')],
  ['/icon.svg', file('icon.svg', 'svg')],
  ...SCRIPTS.map(name => [`/${name}`, file(name, 'js')] as const)
])

const ASKS_FOR_NO_TOKEN = 'data-token="none"'

/**
 * What is at `/`. The page is told whether there is a token to ask for: to find out by being rejected would be an error
 * in a browser's eyes.
 */
export function indexOf (needsToken: boolean): PageFile {
  const { type, body } = file('index.html', 'html')
  return { type, body: needsToken ? Buffer.from(String(body).replace(ASKS_FOR_NO_TOKEN, 'data-token="required"')) : body }
}

function file (name: string, type: keyof typeof TYPES): PageFile {
  return { type: TYPES[type], body: readFileSync(join(FOLDER, name)) }
}
