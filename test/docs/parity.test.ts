import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { testNames } from './named-tests.js'
import { README, ROOT } from './readme.js'

// docs/parity/*.md say of what other proxies' tests promise whether it holds here, and which test of ours shows it.

const KINDS = ['holds', 'differs', 'not here', 'missing'] as const
const PAGES = readdirSync(new URL('docs/parity', ROOT)).filter(name => name.endsWith('.md')).sort()
const INDEX = new URL('docs/parity.md', ROOT)

interface Row {
  readonly text: string
  readonly kind: string
  /** As `file: name`, the file without `.test.ts`. */
  readonly shownBy: readonly string[]
}

const rows = new Map(PAGES.map(page => [page, rowsOf(page)]))

/** Several tests of one row stand below each other. */
function rowsOf (page: string): Row[] {
  const lines = readFileSync(new URL(`docs/parity/${page}`, ROOT), 'utf8').split('\n')
  return lines.filter(line => line.startsWith('| ') && !/^\| (their test|---)/.test(line)).map(text => {
    const [, , here = '', shown = ''] = text.slice(2, -2).split(/(?<!\\) \| ?/)
    return {
      text,
      kind: KINDS.find(kind => here === kind || here.startsWith(`${kind}: `)) ?? '',
      shownBy: shown.trim().split('<br>').filter(name => name !== '' && name !== '–').map(name => name.replaceAll('\\|', '|'))
    }
  })
}

for (const [page, all] of rows) {
  t.test(`docs/parity/${page}: every row that holds, or differs on purpose, names a test that there is`, async t => {
    t.ok(all.length > 10)
    for (const { text, kind, shownBy } of all) {
      t.not(kind, '', `begins with one of ${KINDS.join(', ')}: ${text}`)
      if (kind === 'holds' || kind === 'differs') t.ok(shownBy.length > 0, text)
      for (const shown of shownBy) {
        const [file = ''] = shown.split(': ', 1)
        const url = new URL(`test/${file}.test.ts`, ROOT)
        t.ok(existsSync(url) && testNames(url).has(shown.slice(file.length + 2)), `test/${file}.test.ts has it: ${shown}`)
      }
    }
  })
}

t.test('every test of test/parity is named by a row', async t => {
  const named = new Set([...rows.values()].flat().flatMap(({ shownBy }) => shownBy))
  for (const file of readdirSync(new URL('test/parity', ROOT))) {
    for (const name of testNames(new URL(`test/parity/${file}`, ROOT))) {
      const shown = `parity/${file.replace(/\.test\.ts$/, '')}: ${name}`
      t.ok(named.has(shown), shown)
    }
  }
})

t.test('docs/parity.md counts the rows of each page, and the README leads there', async t => {
  const index = existsSync(INDEX) ? readFileSync(INDEX, 'utf8') : ''
  const total = new Map<string, number>(KINDS.map(kind => [kind, 0]))
  for (const [page, all] of rows) {
    const counts = KINDS.map(kind => all.filter(row => row.kind === kind).length)
    KINDS.forEach((kind, index) => total.set(kind, (total.get(kind) ?? 0) + (counts[index] ?? 0)))
    const row = `](parity/${page}) | ${counts.join(' | ')} |`
    t.ok(index.includes(row), `has the row: ${row}`)
  }
  const sum = `| all | ${[...total.values()].join(' | ')} |`
  t.ok(index.includes(sum), `has the row: ${sum}`)
  t.equal(index.split('](parity/').length - 1, PAGES.length, 'leads to each page once')
  t.match(README, '](docs/parity.md)')
})
