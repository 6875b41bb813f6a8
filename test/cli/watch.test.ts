import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { Started } from '../fixtures/started.js'

// Each of these starts several processes.
t.setTimeout(300_000)

/** A configuration that says its version. */
const saying = (body: string) => ({ routes: [{ prefix: '/', respond: { body } }] })

/** What it says when the old workers have stopped. */
async function said (gateway: Started): Promise<string> {
  await gateway.times(/another process has taken over/, gateway.pids(/^reloaded/).length)
  return String((await call(await gateway.listening(), '/')).body)
}

t.test('the file is written anew, or another is renamed onto it', async t => {
  const gateway = new Started(t, saying('one'), ['--watch', '-l', 'debug'])
  await gateway.until(/"started"/)
  gateway.write(saying('two'))
  await gateway.times(/"reloaded"/, 1)
  t.equal(await said(gateway), 'two')
  t.match(gateway.output, /"reason":"a file changed","msg":"reloading"/)

  writeFileSync(`${gateway.file}~`, JSON.stringify(saying('three')))
  renameSync(`${gateway.file}~`, gateway.file)
  await gateway.times(/"reloaded"/, 2)
  t.equal(await said(gateway), 'three')

  // Half of it, as while an editor writes, or a mistake.
  gateway.write('{ "routes": [')
  await gateway.until(/not reloaded/)
  t.equal(await said(gateway), 'three')
  rmSync(gateway.file)
  await gateway.times(/not reloaded/, 2)
  t.match(gateway.output, /cannot be read/)

  // As it was: nothing is to be done.
  gateway.write(saying('three'))
  gateway.child.kill('SIGHUP')
  await gateway.times(/"reloaded"/, 3)
  const reloads = gateway.pids(/^reloading/).length
  gateway.write(saying('three'))
  await gateway.until(/"level":20,.*"the files say the same as before"/)
  t.equal(gateway.pids(/^reloading/).length, reloads)
  t.equal(await gateway.stop(), 0)
})

t.test('as Kubernetes swaps a ConfigMap: the link before the file', async t => {
  const mount = (folder: string, version: string, config: object): void => {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'routes.json'), JSON.stringify(config))
    symlinkSync(version, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  const gateway = new Started(t, (folder: string) => {
    mount(folder, '..v1', saying('one'))
    symlinkSync(join('..data', 'routes.json'), join(folder, 'routes.json'))
  }, ['--watch'])
  await gateway.until(/"started"/)
  t.equal(await said(gateway), 'one')
  mount(dirname(gateway.file), '..v2', saying('two'))
  await gateway.until(/"reloaded"/)
  t.equal(await said(gateway), 'two')
  t.equal(await gateway.stop(), 0)
})

t.test('.env comes, changes and goes', async t => {
  // eslint-disable-next-line no-template-curly-in-string -- as in the file
  const gateway = new Started(t, saying('${WORD:-none}'), ['--watch'], { WORD: undefined })
  await gateway.until(/"started"/)
  t.equal(await said(gateway), 'none')
  gateway.writeEnv('WORD=first')
  await gateway.times(/"reloaded"/, 1)
  t.equal(await said(gateway), 'first')
  gateway.writeEnv('WORD=second')
  await gateway.times(/"reloaded"/, 2)
  t.equal(await said(gateway), 'second')
  rmSync(join(dirname(gateway.file), '.env'))
  await gateway.times(/"reloaded"/, 3)
  t.equal(await said(gateway), 'none')
  t.equal(await gateway.stop(), 0)
})

t.test('without --watch a change waits for SIGHUP', async t => {
  const gateway = new Started(t, saying('one'))
  await gateway.until(/"started"/)
  gateway.write(saying('two'))
  t.equal(await said(gateway), 'one')
  await gateway.reload(1)
  t.equal(await said(gateway), 'two')
  t.match(gateway.output, /"reason":"SIGHUP","msg":"reloading"/)
  t.equal(gateway.pids(/^reloading/).length, 1)
  t.equal(await gateway.stop(), 0)
})
