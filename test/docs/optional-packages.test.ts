import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { README } from './readme.js'

t.test('README: the optional packages are those of package.json', async t => {
  const { peerDependenciesMeta } = JSON.parse(readFileSync('package.json', 'utf8'))
  const [, section = ''] = README.split('### Optional packages\n')
  const [table = ''] = section.split('\n## ')
  const named = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name)
  t.strictSame(named.sort(), Object.keys(peerDependenciesMeta).sort())
})

t.test('README: what the comparison says is shown by files that there are', async t => {
  const [, table = ''] = /\n(\| \| this \|[^]*?)\n\n/.exec(README) ?? []
  const rows = table.split('\n').slice(2)
  t.ok(rows.length > 8)
  for (const row of rows) {
    const links = [...String(row.split('|').at(-2)).matchAll(/\]\(([^)#]+)/g)].map(([, path = '']) => path)
    t.ok(links.length > 0 && links.every(path => existsSync(path)), row)
  }
})
