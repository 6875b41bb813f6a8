import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const FOLDER = 'docs/decisions'

t.test('docs/decisions: each record is listed, says what, why and at what cost, and names what is there', async t => {
  const list = readFileSync(join(FOLDER, 'README.md'), 'utf8')
  for (const name of readdirSync(FOLDER)) {
    const text = readFileSync(join(FOLDER, name), 'utf8')
    for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)/g)) t.ok(existsSync(join(FOLDER, link)), `${name}: ${link}`)
    if (name === 'README.md') continue
    t.match(list, `](${name})`)
    for (const part of ['Chosen', 'Why', 'What it costs', 'What would change it']) t.match(text, `**${part}.**`, name)
    for (const [, path = ''] of text.matchAll(/`((?:src|test)\/[\w./-]+)`/g)) t.ok(existsSync(path), `${name}: ${path}`)
  }
})
