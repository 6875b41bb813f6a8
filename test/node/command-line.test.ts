import t from 'tap'
import { commandLine } from '../../src/node/command-line.js'

t.test('what the process was started with, also where it was taken out of process.argv', async t => {
  const { argv } = process
  process.argv = []
  t.teardown(() => { process.argv = argv })
  t.ok(commandLine().some(argument => argument.includes('command-line.test')))
})

t.test('a Node that reports otherwise leaves process.argv', async t => {
  for (const report of [{}, { header: null }, { header: {} }, { header: { commandLine: 'x' } }]) {
    t.strictSame(commandLine(report), process.argv.slice(1))
  }
})
