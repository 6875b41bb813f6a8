import * as module from 'node:module'
import t from 'tap'

t.test('a terminal without pino-pretty gets lines of JSON, and is told what would make them readable', async t => {
  const { openLog } = await t.mockImport<typeof import('../../src/server/log.js')>('../../src/server/log.js', {
    'node:module': { ...module, createRequire: () => ({ resolve () { throw new Error('there is none') } }) }
  })
  const told = t.capture(console, 'error')
  const { isTTY } = process.stdout
  t.teardown(() => { process.stdout.isTTY = isTTY })
  for (const isTerminal of [false, true]) {
    process.stdout.isTTY = isTerminal
    const { output, ...log } = openLog('info')
    t.ok(output)
    t.notHas(log, { transport: {} })
  }
  t.strictSame(told().map(({ args }) => args), [['The log is JSON. For lines that people read: npm install pino-pretty']])
})
