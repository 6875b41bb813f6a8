import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bearer, guarded, issuer, token } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { until } from '../fixtures/until.js'

const OLD = issuer()
const NEW = issuer()

t.test('a public key in a file is read again when that changes; a broken one changes nothing', async t => {
  const file = join(t.testdir({ 'key.pem': OLD.pem }), 'key.pem')
  const { port, lines } = await guarded(t, { jwt: { publicKey: file } })
  const [old, renewed] = [bearer(await token(OLD)), bearer(await token(NEW))]
  t.equal((await call(port, '/api/x', { headers: old })).status, 200)
  t.equal((await call(port, '/api/x', { headers: renewed })).status, 401)
  writeFileSync(file, OLD.pem.slice(0, 60))
  await until(() => lines.some(({ msg }) => msg === 'the changed file with the public key cannot be used, what it had before still counts'))
  t.equal((await call(port, '/api/x', { headers: old })).status, 200)
  writeFileSync(file, NEW.pem)
  await until(() => lines.some(({ msg }) => msg === 'the changed file with the public key is in use'))
  t.equal((await call(port, '/api/x', { headers: old })).status, 401)
  t.equal((await call(port, '/api/x', { headers: renewed })).status, 200)
})
