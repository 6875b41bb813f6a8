import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { serviceWithDownload, Started } from '../fixtures/started.js'
import { until } from '../fixtures/until.js'

function count (file: string): number {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0
}

t.test('SIGUSR1 to the first process has every worker open its file again, and starts no debugger', async t => {
  const { config } = await serviceWithDownload(t)
  const file = join(t.testdir(), 'access.log')
  const gateway = new Started(t, { ...config, server: { accessLog: { file } } }, ['--workers', '2'])
  const port = await gateway.listening()
  await gateway.until(/"started"/)
  await call(port, '/1')
  await until(() => count(file) === 1)
  renameSync(file, `${file}.1`)
  gateway.child.kill('SIGUSR1')
  await until(() => existsSync(file))
  t.equal((await call(port, '/2')).status, 200)
  await until(() => count(file) + count(`${file}.1`) === 2)
  t.equal(await gateway.stop(), 0)
  t.notMatch(gateway.output, /[Dd]ebugger|"outcome"/)
})

t.test('in a format of httpd they go to where the log goes, the last ones as well', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, { ...config, server: { accessLog: { format: 'common' } } })
  const port = await gateway.listening()
  await gateway.until(/"started"/)
  await call(port, '/x')
  t.equal(await gateway.stop(), 0)
  t.match(gateway.output, /^127\.0\.0\.1 - - \[.*\] "GET \/x HTTP\/1\.1" 200 \d+$/m)
})

t.test('where there is no such file, it does nothing', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, config)
  const port = await gateway.listening()
  await gateway.until(/"started"/)
  gateway.child.kill('SIGUSR1')
  t.equal((await call(port, '/x')).status, 200)
  await gateway.reload(1)
  t.equal(await gateway.stop(), 0)
  t.notMatch(gateway.output, /[Dd]ebugger/)
})
