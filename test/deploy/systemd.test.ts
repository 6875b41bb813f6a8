import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { missing } from '../fixtures/command.js'

const UNIT = 'deploy/systemd/fastify-stream-gateway.service'

t.test('systemd finds nothing wrong with the unit', { skip: missing('systemd-analyze', 'systemd', 'of the unit') }, async t => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', UNIT], { encoding: 'utf8' })
  t.equal(stdout + stderr, '')
  t.equal(status, 0)
})

t.test('its reload is the signal that reloads', async t => {
  const text = readFileSync(UNIT, 'utf8')
  t.match(text, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m)
  t.match(text, /^ExecStart=\/usr\/bin\/env node .*\/dist\/src\/cli\/main\.js start \/etc\/gateway\/routes\.json/m)
})
