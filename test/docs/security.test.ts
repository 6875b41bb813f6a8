import { readFileSync } from 'node:fs'
import t from 'tap'
import { testNames } from './named-tests.js'
import { ROOT } from './readme.js'

t.test('docs/security.md: every promise names a test that there is', async t => {
  const docs = new URL('docs/', ROOT)
  const rows = readFileSync(new URL('security.md', docs), 'utf8').split('\n').filter(line => line.startsWith('| ') && !/^\| (promise|---)/.test(line))
  t.ok(rows.length > 30)
  for (const row of rows) {
    const [, title = '', file = ''] = /\| \[(.+)\]\((.+)\) \|$/.exec(row) ?? []
    t.not(title, '', row)
    t.ok(testNames(new URL(file, docs)).has(title), `${file}: ${title}`)
  }
})
