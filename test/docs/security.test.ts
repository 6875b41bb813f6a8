import { readFileSync } from 'node:fs'
import t from 'tap'
import { ROOT } from './readme.js'

t.test('docs/security.md: every promise names a test that there is', async t => {
  const docs = new URL('docs/', ROOT)
  const rows = readFileSync(new URL('security.md', docs), 'utf8').split('\n').filter(line => line.startsWith('| ') && !/^\| (promise|---)/.test(line))
  t.ok(rows.length > 30)
  for (const row of rows) {
    const [, title = '', file = ''] = /\| \[(.+)\]\((.+)\) \|$/.exec(row) ?? []
    t.not(title, '', row)
    const source = readFileSync(new URL(file, docs), 'utf8').replaceAll('\\\'', '\'')
    t.ok(source.includes(`t.test('${title}'`) || source.includes(`t.test(\`${title}\``), `${file}: ${title}`)
  }
})
