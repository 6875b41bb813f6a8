import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { moduleFile, NOWHERE, preloaded, serviceWithDownload, Started } from '../fixtures/started.js'

// What goes wrong with the first process is no reason to end what serves.

t.test('a fault while the files are read anew leaves what runs as it is', async t => {
  const { config } = await serviceWithDownload(t)
  const from = (name: string): string => JSON.stringify(new URL(`../../dist/src/${name}.js`, import.meta.url))
  const runner = moduleFile(t, `
    import { readConfiguration } from ${from('cli/configuration')}
    import { Supervisor } from ${from('cli/supervisor')}
    import { createLog } from ${from('server/log')}
    const read = () => { throw new RangeError('made up') }
    const supervisor = new Supervisor(readConfiguration({}), { workers: 1, watch: false, read, log: createLog('info') })
    process.on('SIGHUP', () => supervisor.reload('SIGHUP')).on('SIGTERM', () => supervisor.stop('SIGTERM'))
    supervisor.start()`)
  const gateway = new Started(t, config, [], {}, [process.execPath, runner])
  const port = await gateway.listening()
  await gateway.until(/"started"/)
  gateway.child.kill('SIGHUP')
  await gateway.until(/"not reloaded: what runs goes on as it is"/)
  t.match(gateway.lines.filter(({ level }) => level >= 50), [{ err: { type: 'RangeError', message: 'made up' }, msg: 'the files could not be read' }, {}])
  t.equal((await call(port, '/x')).status, 200)
  t.equal(await gateway.stop(), 0)
})

t.test('a fault of the admin listener ends no worker', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, config, [], preloaded(t, `import { Server } from 'node:net'
    if (!isWorker) Server.prototype.listen = () => { throw new RangeError('made up') }`))
  const port = await gateway.listening()
  await gateway.until(/"started"/)
  gateway.write({ ...config, admin: { port: 0 } })
  await gateway.reload(1)
  t.match(gateway.lines.filter(({ level }) => level >= 50), [{ level: 50, err: { type: 'RangeError', message: 'made up' }, msg: 'there is no admin listener' }])
  t.equal((await call(port, '/x')).status, 200)
  t.equal(await gateway.stop(), 0)
})

t.test('a worker that comes to listen after files were to be opened again opens them again', async t => {
  const gateway = new Started(t, NOWHERE, [], preloaded(t, `import cluster from 'node:cluster'
    import { once } from 'node:events'
    if (isWorker) {
      const told = once(process, 'SIGUSR2')
      process.kill(process.ppid, 'SIGUSR1')
      await told
      process.on('SIGUSR1', () => console.log('opened again'))
    } else {
      process.on('SIGUSR1', () => Object.values(cluster.workers)[0].process.kill('SIGUSR2'))
    }`))
  await gateway.until(/opened again/)
  t.equal(await gateway.stop(), 0)
})
